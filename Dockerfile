# The image with tilth in it, on which tilth deploy manifests builds the images of endpoints. Once per release:
#   docker build --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:… --tag REGISTRY/tilth:VERSION .
# and after the push its digest is what --base names. There is no default: which Node is trusted is decided by a person.
ARG NODE_IMAGE
FROM ${NODE_IMAGE} AS packages
WORKDIR /opt/tilth
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM ${NODE_IMAGE}
WORKDIR /opt/tilth
COPY --from=packages /opt/tilth/node_modules ./node_modules/
COPY package.json ./
COPY bin/ ./bin/
COPY src/ ./src/
COPY python/ ./python/
COPY templates/ ./templates/
RUN mkdir -p /var/lib/tilth && chown 10001:10001 /var/lib/tilth
ENV NODE_ENV=production
USER 10001:10001
ENTRYPOINT ["/opt/tilth/bin/tilth.js"]
