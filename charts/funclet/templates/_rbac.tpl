{{/* Rules of a component, bound to its service account: in the cluster, or in each namespace of the scope.
     Takes {root, component, rules: YAML}. */}}
{{- define "funclet.grant" -}}
{{- $name := printf "%s-%s" (include "funclet.fullname" .root) .component -}}
{{- $kind := ternary "Role" "ClusterRole" (gt (len .root.Values.scope.namespaces) 0) -}}
{{- range default (list "") .root.Values.scope.namespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with . }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "funclet.labels" $ | nindent 4 }}
rules:
  {{- $.rules | trim | nindent 2 }}
---
{{ include "funclet.binding" (dict "root" $.root "component" $.component "kind" $kind "name" $name "namespace" .) }}
{{- end }}
{{- end -}}

{{/* Takes {root, component, kind: Role or ClusterRole, name, namespace}. */}}
{{- define "funclet.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "funclet.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "funclet.serviceAccount" . | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}
