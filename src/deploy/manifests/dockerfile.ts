import {
  bakedFolder,
  homeFolder,
  ports,
  serveArguments,
  userId,
  type DeploymentPlan,
} from './deployment-plan.ts';

/**
 * The image of one endpoint: tilth from the base, the signed configuration and the models beside it. Nothing is fetched
 * while it is built or started.
 */
export function dockerfile({ base, deployment, annotations }: DeploymentPlan): string {
  const labels = Object.entries(annotations).map(
    ([name, value]) => `      ${name.replace('/', '.')}=${JSON.stringify(value)}`,
  );
  return [
    `FROM ${base}`,
    `LABEL ${labels.join(' \\\n').trimStart()}`,
    `COPY --chown=${userId}:${userId} models/ ${bakedFolder}/`,
    `ENV TILTH_HOME=${homeFolder} \\`,
    '    HOME=/tmp \\',
    '    ORT_DISABLE_TELEMETRY=1',
    `WORKDIR ${homeFolder}`,
    `USER ${userId}:${userId}`,
    `EXPOSE ${ports.http} ${ports.grpc}`,
    'STOPSIGNAL SIGTERM',
    'ENTRYPOINT ["/opt/tilth/bin/tilth.js"]',
    `CMD ${JSON.stringify(serveArguments(bakedFolder, deployment.config.key))}`,
    '',
  ].join('\n');
}
