# The connector as an image: not root, a read-only root file system, one volume.
#
#   docker build -t madang .                           what every factory needs
#   docker build -t madang --build-arg EXTRAS=tables . with Parquet and DuckDB
#
# Behind a proxy or with an index of your own, add `--network host` or pass pip's own variables on, e.g.
# `--build-arg PIP_INDEX_URL`. They stay in the build stage, which is thrown away.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
ARG EXTRAS=""
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The environment has no pip in it: the base's own installs into it, and stays behind.
COPY requirements.lock requirements.lock
COPY requirements requirements
RUN python -m venv --without-pip /opt/madang \
 && python -m venv --system-site-packages /opt/build \
 && /opt/build/bin/python -m pip install --quiet --require-hashes -r requirements/build.lock \
 && lock="requirements.lock" && { [ -z "$EXTRAS" ] || lock="requirements/$EXTRAS.lock"; } \
 && python -m pip --python /opt/madang/bin/python install --quiet --require-hashes -r "$lock"
COPY . .
# Tests, C headers and type stubs of others are of no use at run time. Byte code is: without it, on a
# read-only file system, every start would compile everything again. Unchecked, because nothing changes here.
RUN /opt/build/bin/python -m build --no-isolation --wheel --outdir /tmp/dist . \
 && python -m pip --python /opt/madang/bin/python install --quiet --no-deps --no-index /tmp/dist/*.whl \
 && cd /opt/madang/lib/python3*/site-packages \
 && find . -depth -type d \( -name tests -o -name test -o -name __pycache__ \) -exec rm -rf {} + \
 && find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.hpp' \) -delete \
 && rm -rf pyarrow/include pyarrow/src \
 && find . -name '*.so*' -type f -exec sh -c 'command -v strip >/dev/null && strip --strip-unneeded "$@" || true' sh {} + \
 && /opt/madang/bin/python -m compileall -q --invalidation-mode unchecked-hash . \
 && install -d /srv/data /srv/run/madang/tls /srv/run/madang/pilot

FROM ${BASE_IMAGE} AS connector
LABEL org.opencontainers.image.title="madang" \
      org.opencontainers.image.description="A federated data-space connector for manufacturers" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/madang /opt/madang
COPY --from=build --chown=10001:10001 /srv/data /data
COPY --from=build --chown=10001:10001 /srv/run/madang /run/madang
COPY deploy/start /usr/local/bin/madang-start
ENV PATH=/opt/madang/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONUTF8=1 \
    HOME=/tmp MADANG_HOME=/data
# By number, so that a cluster can see that it is not root without reading the image's user list.
USER 10001:10001
VOLUME /data
# 8443 for partners; 9191 for the factory alone: do not publish it beyond the plant.
EXPOSE 8443 9191
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-I", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9191/health/ready', timeout=2)"]
ENTRYPOINT ["madang-start"]

# For development only (docker-compose.yml): the one-shot authority, with places for the nodes' volumes.
FROM connector AS dev-ca
USER 0
COPY deploy/dev_ca.py /usr/local/lib/madang/dev_ca.py
RUN install -d -o 10001 -g 10001 -m 0700 /ca /nodes/factory-a /nodes/factory-b /nodes/partner /nodes/pilot
USER 10001:10001
HEALTHCHECK --interval=2s --timeout=2s --retries=30 CMD ["test", "-e", "/tmp/ready"]
ENTRYPOINT ["python", "/usr/local/lib/madang/dev_ca.py"]

FROM connector
