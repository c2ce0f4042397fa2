{{/* A label of DNS (RFC 1035), which names of Services must be, with room for the longest suffix, -functions-internet.
     A name that must be changed for it ends with a hash of what it was, so that no two become one. */}}
{{- define "funclet.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $asked := .Values.fullnameOverride -}}
{{- if not $asked -}}
{{- $asked = contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- end -}}
{{- $fit := $asked | replace "." "-" -}}
{{- if not (regexMatch "^[a-z]" $fit) -}}
{{- $fit = printf "f-%s" $fit -}}
{{- end -}}
{{- if or (ne $fit $asked) (gt (len $fit) 44) -}}
{{- $fit = printf "%s-%s" ($fit | trunc 35 | trimAll "-") (sha256sum $asked | trunc 8) -}}
{{- end -}}
{{- $fit -}}
{{- end -}}

{{/* Takes {root, component}. These are in selectors, which cannot change. */}}
{{- define "funclet.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* A class of priority belongs to the cluster: a release for some namespaces makes none. */}}
{{- define "funclet.makesPriorityClass" -}}
{{- and .Values.priorityClass.create (not .Values.scope.namespaces) -}}
{{- end -}}

{{/* The chart's own. Takes {root, component}. */}}
{{- define "funclet.ownLabels" -}}
{{ include "funclet.selector" . }}
app.kubernetes.io/part-of: funclet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* The chart's own, those of this object, those of all objects; the first decides. Takes {root, component, more}. */}}
{{- define "funclet.labels" -}}
{{- merge (fromYaml (include "funclet.ownLabels" .)) (default dict .more) .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{/* What the operator writes on every pod of a function. */}}
{{- define "funclet.functionSelector" -}}
app.kubernetes.io/managed-by: funclet
app.kubernetes.io/component: function
{{- end -}}

{{/* Takes {root, image}: registry/repository:tag. */}}
{{- define "funclet.imageRef" -}}
{{- $tag := default .root.Chart.AppVersion .image.tag -}}
{{- if eq $tag "latest" -}}
{{- fail (printf "the image %s has the tag latest, which names another image tomorrow: give a version or a digest" .image.repository) -}}
{{- end -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .image.repository }}:{{ $tag }}
{{- end -}}

{{/* Takes {root, image}: as a pod names it. */}}
{{- define "funclet.image" -}}
{{- include "funclet.imageRef" . }}{{ with .image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* Takes {root, component}. */}}
{{- define "funclet.serviceAccount" -}}
{{- $own := (index .root.Values .component).serviceAccount -}}
{{- if $own.name -}}
{{- $own.name -}}
{{- else if $own.create -}}
{{- include "funclet.fullname" .root }}-{{ .component }}
{{- else -}}
{{- fail (printf "%s.serviceAccount.name is needed where %s.serviceAccount.create is false" .component .component) -}}
{{- end -}}
{{- end -}}

{{- define "funclet.keys" -}}
{{- default (printf "%s-keys" (include "funclet.fullname" .)) .Values.keys.existingSecret -}}
{{- end -}}

{{/* What the Secret holds: what it held, and what is missing. It is made once and laid by, since every template must see
     the same keys: pods have a checksum of them, which is the same in every upgrade that finds the Secret. */}}
{{- define "funclet.keysData" -}}
{{- if not (hasKey . "madeKeys") -}}
{{- $old := default dict (lookup "v1" "Secret" .Release.Namespace (include "funclet.keys" .)).data -}}
{{- $keys := dict -}}
{{- if and (index $old "tls.crt") (index $old "tls.key") -}}
{{- $keys = pick $old "tls.crt" "tls.key" -}}
{{- else -}}
{{- $pair := genSelfSignedCert "funclet-gateway" list (list "funclet-gateway") 36500 -}}
{{- $keys = dict "tls.crt" (b64enc $pair.Cert) "tls.key" (b64enc $pair.Key) -}}
{{- end -}}
{{- range list "capability.key" "relay.key" "api.token" -}}
{{- $_ := set $keys . (default (randAlphaNum 64 | b64enc) (index $old .)) -}}
{{- end -}}
{{- $_ := set . "madeKeys" (toYaml $keys) -}}
{{- end -}}
{{- .madeKeys -}}
{{- end -}}

{{- define "funclet.internalUrl" -}}
http://{{ include "funclet.fullname" . }}-gateway-internal.{{ .Release.Namespace }}.svc:8702
{{- end -}}

{{/* Values that are right one by one and wrong together. */}}
{{- define "funclet.checked" -}}
{{- include "funclet.checkedLabels" . -}}
{{- include "funclet.checkedRuntimes" . -}}
{{- include "funclet.checkedEnvironment" . -}}
{{- with .Values.scope.namespaces -}}
{{- if eq $.Values.auth.mode "Kubernetes" -}}
{{- fail "auth.mode is Kubernetes, but with scope.namespaces there are no ClusterRoles, and tokens of Kubernetes cannot be checked without one: set auth.mode to Token" -}}
{{- end -}}
{{- if not (has $.Values.defaultNamespace .) -}}
{{- fail (printf "defaultNamespace is %s, which is not one of scope.namespaces (%s)" $.Values.defaultNamespace (join ", " .)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway.service -}}
{{- if and .nodePort (eq .type "ClusterIP") -}}
{{- fail "gateway.service.nodePort needs gateway.service.type NodePort or LoadBalancer" -}}
{{- end -}}
{{- end -}}
{{- $accounts := list .Values.operator.serviceAccount .Values.gateway.serviceAccount -}}
{{- if and (first $accounts).create (last $accounts).create (first $accounts).name (eq (first $accounts).name (last $accounts).name) -}}
{{- fail (printf "operator.serviceAccount.name and gateway.serviceAccount.name are both %s, and both make it: their rights differ, so give them two names" (first $accounts).name) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host is needed with ingress.enabled" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs is needed with httpRoute.enabled" -}}
{{- end -}}
{{- if and .Values.httpRoute.redirect.enabled (not .Values.httpRoute.redirect.parentRefs) -}}
{{- fail "httpRoute.redirect.parentRefs is needed with httpRoute.redirect.enabled" -}}
{{- end -}}
{{- end -}}

{{/* Labels of one's own beside the chart's. */}}
{{- define "funclet.checkedLabels" -}}
{{- $monitoring := .Values.monitoring -}}
{{- $all := dict "commonLabels" .Values.commonLabels "operator.podLabels" .Values.operator.podLabels "gateway.podLabels" .Values.gateway.podLabels "monitoring.serviceMonitor.labels" $monitoring.serviceMonitor.labels "monitoring.dashboard.labels" $monitoring.dashboard.labels -}}
{{- $own := fromYaml (include "funclet.ownLabels" (dict "root" . "component" "any")) -}}
{{- range $value, $labels := $all -}}
{{- range $label, $_ := $labels -}}
{{- if hasKey $own $label -}}
{{- fail (printf "%s must not have the label %s: it is the chart's own, and selectors look for it" $value $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A name means one runtime. */}}
{{- define "funclet.checkedRuntimes" -}}
{{- $seen := dict -}}
{{- range $key, $runtime := .Values.runtimes -}}
{{- range $name := $runtime.names -}}
{{- with index $seen $name -}}
{{- fail (printf "runtimes.%s.names and runtimes.%s.names both have %s, which can mean one runtime only" . $key $name) -}}
{{- end -}}
{{- $_ := set $seen $name $key -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A variable of one's own beside the chart's: whichever came last would win, and server-side apply takes none twice. */}}
{{- define "funclet.checkedEnvironment" -}}
{{- range $component := list "operator" "gateway" -}}
{{- $told := fromYamlArray (include (printf "funclet.%sEnvironment" $component) $) -}}
{{- $seen := list -}}
{{- range $told -}}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- range (index $.Values $component).extraEnv -}}
{{- if has .name $seen -}}
{{- fail (printf "%s.extraEnv must not have %s, which is there already" $component .name) -}}
{{- end -}}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- end -}}
{{- end -}}
