{{/* Names leave room for the longest suffix, -functions-internet. */}}
{{- define "funclet.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 44 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Takes {root, component}. These are in selectors, which cannot change. */}}
{{- define "funclet.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Takes {root, component}. */}}
{{- define "funclet.labels" -}}
{{ include "funclet.selector" . }}
app.kubernetes.io/part-of: funclet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
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

{{- define "funclet.internalUrl" -}}
http://{{ include "funclet.fullname" . }}-gateway-internal.{{ .Release.Namespace }}.svc:8702
{{- end -}}

{{/* Values that are right one by one and wrong together. */}}
{{- define "funclet.checked" -}}
{{- with .Values.scope.namespaces -}}
{{- if eq $.Values.auth.mode "Kubernetes" -}}
{{- fail "auth.mode is Kubernetes, but with scope.namespaces there are no ClusterRoles, and tokens of Kubernetes cannot be checked without one: set auth.mode to Token" -}}
{{- end -}}
{{- if not (has $.Values.defaultNamespace .) -}}
{{- fail (printf "defaultNamespace is %s, which is not one of scope.namespaces (%s)" $.Values.defaultNamespace (join ", " .)) -}}
{{- end -}}
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
