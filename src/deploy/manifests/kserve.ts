import { drain, homeFolder, ports, serveArguments, type DeploymentPlan } from './deployment-plan.ts';
import { containerSecurity, resources } from './kubernetes.ts';

/** Where KServe puts what a storageUri names. */
const modelFolder = '/mnt/models';
/** Not of one endpoint: all InferenceServices that name it share it. */
const runtimeName = 'tilth';

/**
 * Our server as KServe starts it: for models of the format `tilth`, in V1 and V2.
 *
 * @see https://kserve.github.io/website/docs/reference/crd-api
 */
export function servingRuntime(plan: DeploymentPlan) {
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ClusterServingRuntime',
    metadata: { name: runtimeName, labels: { 'app.kubernetes.io/managed-by': 'tilth' } },
    spec: {
      annotations: {
        'prometheus.kserve.io/path': '/metrics',
        'prometheus.kserve.io/port': String(ports.http),
      },
      supportedModelFormats: [{ name: 'tilth', version: '1', autoSelect: true, priority: 1 }],
      protocolVersions: ['v1', 'v2'],
      containers: [
        {
          name: 'kserve-container',
          image: plan.base,
          command: ['/opt/tilth/bin/tilth.js'],
          args: serveArguments(modelFolder, plan.deployment.config.key),
          env: [
            { name: 'TILTH_HOME', value: homeFolder },
            { name: 'HOME', value: '/tmp' },
            { name: 'ORT_DISABLE_TELEMETRY', value: '1' },
          ],
          ports: [{ containerPort: ports.http, protocol: 'TCP' }],
          resources: resources(plan),
          securityContext: containerSecurity,
          readinessProbe: {
            httpGet: { path: '/v2/health/ready', port: ports.http },
            periodSeconds: 2,
            failureThreshold: 1,
          },
          livenessProbe: {
            httpGet: { path: '/v2/health/live', port: ports.http },
            periodSeconds: 10,
            timeoutSeconds: 5,
          },
          volumeMounts: [
            { name: 'home', mountPath: homeFolder },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'home', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
}

/** The model is the image of the Dockerfile beside it: KServe mounts its `/models`. */
export function inferenceService(plan: DeploymentPlan) {
  const { name, namespace, labels, annotations, replicas, maxReplicas, image } = plan;
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels, annotations },
    spec: {
      predictor: {
        minReplicas: replicas,
        maxReplicas,
        scaleMetric: 'cpu',
        scaleTarget: 70,
        terminationGracePeriodSeconds: drain.gracePeriodSeconds,
        model: {
          modelFormat: { name: 'tilth', version: '1' },
          protocolVersion: 'v2',
          runtime: runtimeName,
          storageUri: `oci://${image}`,
          resources: resources(plan),
        },
      },
    },
  };
}
