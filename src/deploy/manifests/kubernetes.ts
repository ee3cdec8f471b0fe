import { drain, homeFolder, ports, userId, type DeploymentPlan } from './deployment-plan.ts';

const metadata = ({ name, namespace, labels, annotations }: DeploymentPlan) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels,
  annotations,
});

const selector = ({ name }: DeploymentPlan) => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/component': 'model-server',
});

const probe = (path: string, more: object) => ({ httpGet: { path, port: 'http' }, ...more });

/** No root, no capability, nothing to write to but the home and /tmp. */
export const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  runAsGroup: userId,
  runAsNonRoot: true,
  runAsUser: userId,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/ */
export function deployment(plan: DeploymentPlan) {
  const { image, labels, annotations, logClaim } = plan;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(plan),
    spec: {
      // no replicas: the autoscaler says how many, and git would take its word back
      revisionHistoryLimit: 5,
      selector: { matchLabels: selector(plan) },
      // a new pod is ready before an old one leaves
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels,
          annotations: {
            ...annotations,
            'prometheus.io/path': '/metrics',
            'prometheus.io/port': String(ports.http),
            'prometheus.io/scrape': 'true',
          },
        },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { fsGroup: userId, runAsNonRoot: true },
          // longer than preStop, drain and its own time-out together
          terminationGracePeriodSeconds: drain.gracePeriodSeconds,
          topologySpreadConstraints: [
            {
              labelSelector: { matchLabels: selector(plan) },
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
            },
          ],
          containers: [
            {
              name: 'tilth',
              image,
              ports: [
                { name: 'http', containerPort: ports.http },
                { name: 'grpc', containerPort: ports.grpc },
              ],
              resources: resources(plan),
              securityContext: containerSecurity,
              startupProbe: probe('/v2/health/ready', { periodSeconds: 1, failureThreshold: 60 }),
              readinessProbe: probe('/v2/health/ready', { periodSeconds: 2, failureThreshold: 1 }),
              livenessProbe: probe('/v2/health/live', {
                periodSeconds: 10,
                failureThreshold: 3,
                timeoutSeconds: 5,
              }),
              // the endpoints of the Service forget this pod before it stops taking requests
              lifecycle: { preStop: { sleep: { seconds: drain.preStopSeconds } } },
              volumeMounts: [
                { name: 'home', mountPath: homeFolder },
                { name: 'tmp', mountPath: '/tmp' },
              ],
            },
          ],
          volumes: [
            {
              name: 'home',
              ...(logClaim === undefined
                ? { emptyDir: {} }
                : { persistentVolumeClaim: { claimName: logClaim } }),
            },
            { name: 'tmp', emptyDir: {} },
          ],
        },
      },
    },
  };
}

/** A share of processor time is asked for and none is the limit: a throttled server is a slow one. */
export const resources = ({ cpu, memory }: DeploymentPlan) => ({
  requests: { cpu, memory },
  limits: { memory },
});

export const service = (plan: DeploymentPlan) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(plan),
  spec: {
    selector: selector(plan),
    ports: [
      { name: 'http', appProtocol: 'http', port: 80, targetPort: 'http' },
      { name: 'grpc', appProtocol: 'kubernetes.io/h2c', port: ports.grpc, targetPort: 'grpc' },
    ],
  },
});

export const autoscaler = (plan: DeploymentPlan) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: metadata(plan),
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: plan.name },
    minReplicas: plan.replicas,
    maxReplicas: plan.maxReplicas,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
      },
    ],
    behavior: { scaleDown: { stabilizationWindowSeconds: 300 } },
  },
});

export const disruptionBudget = (plan: DeploymentPlan) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadata(plan),
  spec: { maxUnavailable: 1, selector: { matchLabels: selector(plan) } },
});

/** Of the Gateway API: the way in, shared with another Service where one is named. */
export function httpRoute(plan: DeploymentPlan) {
  const { gateway, hostname, beside, name } = plan;
  if (gateway === undefined) return undefined;
  const backend = (service: string, weight: number) => ({ name: service, port: 80, weight });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadata(plan),
    spec: {
      parentRefs: [
        { name: gateway.name, ...(gateway.namespace === undefined ? {} : { namespace: gateway.namespace }) },
      ],
      ...(hostname === undefined ? {} : { hostnames: [hostname] }),
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs:
            beside === undefined
              ? [backend(name, 100)]
              : [backend(name, 100 - beside.percent), backend(beside.service, beside.percent)],
        },
      ],
    },
  };
}

export const kustomization = (plan: DeploymentPlan, resources: readonly string[]) => ({
  apiVersion: 'kustomize.config.k8s.io/v1beta1',
  kind: 'Kustomization',
  ...(plan.namespace === undefined ? {} : { namespace: plan.namespace }),
  resources: [...resources],
});
