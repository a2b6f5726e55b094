{{- define "ai-patterns.name" -}}
{{ printf "%s-%s" .root.Release.Name .name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "ai-patterns.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "ai-patterns.labels" -}}
{{ include "ai-patterns.selector" . }}
app.kubernetes.io/part-of: ai-patterns
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "ai-patterns.places" -}}
AI_PATTERNS_SYSTEM_FOLDER: {{ printf "/app/include/systems/%s" .Values.system | quote }}
AI_PATTERNS_LAKE: {{ required "lake: a folder of existingClaim, or a URI" .Values.lake | quote }}
AI_PATTERNS_FEATURE_REPO: {{ printf "%s/%s" .Values.featureRepo .Values.system | quote }}
AI_PATTERNS_TRACKING_URI: {{ required "trackingUri: the address of MLflow" .Values.trackingUri | quote }}
AI_PATTERNS_KAFKA: {{ .Values.kafka | quote }}
AI_PATTERNS_TILES: {{ .Values.tiles | quote }}
AI_PATTERNS_HOST: "0.0.0.0"
{{- end }}

{{/* A pod that is nobody's, writes to mounts alone and ends within its grace: root, name, service, variables, live, ready. */}}
{{- define "ai-patterns.pod" -}}
{{- $values := .root.Values -}}
metadata:
  labels: {{- include "ai-patterns.labels" . | nindent 4 }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .service.port | quote }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 50000
    runAsGroup: 50000
    fsGroup: 50000
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "ai-patterns.selector" . | nindent 10 }}
  containers:
    - name: {{ .name }}
      image: {{ printf "%s:%s" $values.image.repository ($values.image.tag | default .root.Chart.AppVersion) | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{- toYaml .args | nindent 8 }}
      ports:
        - {name: http, containerPort: {{ .service.port }}, protocol: TCP}
      env:
        {{- range $name, $value := merge (dict) .variables .service.environment (include "ai-patterns.places" .root | fromYaml) }}
        - {name: {{ $name }}, value: {{ $value | toString | quote }}}
        {{- end }}
        {{- range $name, $of := .secrets }}
        - name: {{ $name }}
          valueFrom: {secretKeyRef: {name: {{ $of.name | quote }}, key: {{ $of.key | quote }}}}
        {{- end }}
      {{- with $values.environmentFrom }}
      envFrom:
        {{- range . }}
        - secretRef: {name: {{ . | quote }}}
        {{- end }}
      {{- end }}
      startupProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 3
        failureThreshold: 40
      livenessProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: {{ .ready }}, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
      {{- if .drained }}
      # Endpoints forget the pod before it stops to listen.
      lifecycle: {preStop: {exec: {command: [python, -c, "import time; time.sleep(5)"]}}}
      {{- end }}
      resources: {{- toYaml .service.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: scratch, mountPath: /tmp}
        {{- if $values.existingClaim }}
        - {name: data, mountPath: /data}
        {{- end }}
  volumes:
    - {name: scratch, emptyDir: {}}
    {{- with $values.existingClaim }}
    - {name: data, persistentVolumeClaim: {claimName: {{ . | quote }}}}
    {{- end }}
{{- end }}
