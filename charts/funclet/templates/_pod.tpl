{{/* What the pods of operator and gateway have in common. Takes {root, component}. */}}
{{- define "funclet.placement" -}}
{{- $own := index .root.Values .component -}}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- $made := eq (include "funclet.makesPriorityClass" .root) "true" | ternary (printf "%s-platform" (include "funclet.fullname" .root)) "" }}
{{- with default $made $own.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
{{- if $own.affinity }}
  {{- toYaml $own.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "funclet.selector" . | nindent 14 }}
{{- end }}
topologySpreadConstraints:
{{- if $own.topologySpreadConstraints }}
  {{- toYaml $own.topologySpreadConstraints | nindent 2 }}
{{- else }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "funclet.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Takes {root, component}. */}}
{{- define "funclet.podMetadata" -}}
{{- $own := index .root.Values .component -}}
{{- $checksums := dict "checksum/platform" (include "funclet.platform" .root | sha256sum) -}}
{{- if not .root.Values.keys.existingSecret -}}
{{- $_ := set $checksums "checksum/keys" (include "funclet.keysData" .root | sha256sum) -}}
{{- end -}}
labels:
  {{- include "funclet.labels" (merge (dict "more" $own.podLabels) .) | nindent 2 }}
annotations:
  {{- merge $checksums $own.podAnnotations | toYaml | nindent 2 }}
{{- end -}}

{{/* The environment that both read; it is all of the operator's. */}}
{{- define "funclet.operatorEnvironment" -}}
- {name: FUNCLET_PLATFORM, value: /etc/funclet/platform/platform.yaml}
- {name: FUNCLET_KEYS, value: /etc/funclet/keys}
- {name: FUNCLET_NAMESPACES, value: {{ join "," .Values.scope.namespaces | quote }}}
- {name: FUNCLET_RELEASE, value: {{ include "funclet.fullname" . | quote }}}
- {name: FUNCLET_ADMIN_PORT, value: "8701"}
- {name: FUNCLET_CACHE, value: /var/cache/funclet}
- name: FUNCLET_IDENTITY
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: FUNCLET_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: FUNCLET_POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- end -}}

{{- define "funclet.gatewayEnvironment" -}}
{{ include "funclet.operatorEnvironment" . }}
- {name: FUNCLET_AUTH, value: {{ .Values.auth.mode | quote }}}
- {name: FUNCLET_PORT, value: "8700"}
- {name: FUNCLET_INTERNAL_PORT, value: "8702"}
- {name: FUNCLET_HELD_MEGABYTES, value: {{ int .Values.gateway.heldMegabytes | quote }}}
- {name: FUNCLET_CODE_ALLOW_HTTP, value: {{ .Values.code.allowHttp | quote }}}
- {name: FUNCLET_CODE_ALLOWED_NETWORKS, value: {{ join "," .Values.code.allowedNetworks | quote }}}
- {name: FUNCLET_CODE_S3_ENDPOINT, value: {{ .Values.code.s3.endpoint | quote }}}
- {name: FUNCLET_CODE_S3_REGION, value: {{ .Values.code.s3.region | quote }}}
{{- end -}}

{{- define "funclet.mounts" -}}
- {name: platform, mountPath: /etc/funclet/platform, readOnly: true}
- {name: keys, mountPath: /etc/funclet/keys, readOnly: true}
- {name: cache, mountPath: /var/cache/funclet}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Takes {root, keys: the files of the Secret that this process may read, cache: size}. */}}
{{- define "funclet.volumes" -}}
- name: platform
  configMap:
    name: {{ include "funclet.fullname" .root }}-platform
- name: keys
  secret:
    secretName: {{ include "funclet.keys" .root | quote }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
- name: cache
  emptyDir: {sizeLimit: {{ .cache | quote }}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end -}}
