{{/* platform.yaml: what operator and gateway are told. */}}
{{- define "funclet.platform" -}}
region: {{ .Values.region | quote }}
defaultNamespace: {{ .Values.defaultNamespace | quote }}
gatewayInternalUrl: {{ include "funclet.internalUrl" . | quote }}
supervisorImage:
  {{- include "funclet.platformImage" (dict "root" . "image" .Values.supervisorImage "value" "supervisorImage") | nindent 2 }}
  pullPolicy: {{ .Values.supervisorImage.pullPolicy }}
runtimes:
  {{- range $key, $it := .Values.runtimes }}
  - names: {{ toJson .names }}
    image:
      {{- include "funclet.platformImage" (dict "root" $ "image" .image "value" (printf "runtimes.%s.image" $key)) | nindent 6 }}
      pullPolicy: {{ default $.Values.supervisorImage.pullPolicy .image.pullPolicy }}
    command: {{ toJson .command }}
  {{- else }}
  []
  {{- end }}
pods:
  cpuLimit: {{ .Values.pods.cpuLimit }}
  runAsUser: {{ toJson .Values.pods.runAsUser }}
  {{- with .Values.pods.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.pods.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  nodeSelector: {{ toJson .Values.pods.nodeSelector }}
  tolerations: {{ toJson .Values.pods.tolerations }}
  imagePullSecrets:
  {{- range .Values.pods.imagePullSecrets }}
    - name: {{ . | quote }}
  {{- else }} []
  {{- end }}
{{- end -}}

{{/* An image of functions; versions keep its digest, so it must be known. Takes {root, image, value: where it stands}. */}}
{{- define "funclet.platformImage" -}}
{{- if not .image.digest -}}
{{- fail (printf "%s.digest is needed: functions run on images by the digest that the registry has; `make push`, or `make load` on a test cluster, writes a file of values with it" .value) -}}
{{- end -}}
ref: {{ include "funclet.imageRef" . | quote }}
digest: {{ .image.digest | quote }}
{{- end -}}
