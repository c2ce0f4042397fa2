{{/* The cluster's DNS, as a rule. */}}
{{- define "funclet.toDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end -}}

{{/* The API server, as a rule. */}}
{{- define "funclet.toApiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.apiServer.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Where code comes from, as a rule. */}}
{{- define "funclet.toCode" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.gateway.ports -}}
{{- $ports = append $ports (int . | toString) -}}
{{- end -}}
{{- if .Values.code.allowHttp -}}
{{- $ports = append $ports "80" -}}
{{- end -}}
{{- with .Values.code.s3.endpoint | trimSuffix "/" -}}
{{- $usual := hasPrefix "https:" . | ternary "443" "80" -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default $usual) -}}
{{- end -}}
- ports:
    {{- range uniq $ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.gateway.to }}
  to:
    {{- toYaml . | nindent 4 }}
    {{- range $.Values.code.allowedNetworks }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Who reads metrics, and the test, as a rule. */}}
{{- define "funclet.fromMetrics" -}}
- from:
    {{- if .Values.networkPolicy.metrics.from }}
    {{- toYaml .Values.networkPolicy.metrics.from | nindent 4 }}
    - podSelector:
        matchLabels:
          {{- include "funclet.selector" (dict "root" . "component" "test") | nindent 10 }}
    {{- else }}
    - podSelector: {}
    {{- end }}
  ports:
    - {protocol: TCP, port: 8701}
{{- end -}}

{{/* The gateways, as a peer from any namespace. */}}
{{- define "funclet.gateways" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .Release.Namespace | quote }}
  podSelector:
    matchLabels:
      {{- include "funclet.selector" (dict "root" . "component" "gateway") | nindent 6 }}
{{- end -}}

{{/* The pods of functions, as a peer: in all namespaces of the scope. */}}
{{- define "funclet.functions" -}}
- namespaceSelector:
    {{- with .Values.scope.namespaces }}
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
    {{- else }} {}
    {{- end }}
  podSelector:
    matchLabels:
      {{- include "funclet.functionSelector" . | nindent 6 }}
{{- end -}}
