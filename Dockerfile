# The image of all three processes: `taskjob api`, `taskjob operator` and `taskjob worker MODULE`.
#
#   make image                                    with whatever this machine has (see hack/kind)
#   docker build --build-arg BASE=… -t taskjob .  any base with Python 3.11 or newer and its venv module
#
# It runs as user 65532 without a home, with a root file system that may be read-only; only a worker's tasks and the
# api's data folder need a place to write. Your workers' image is `FROM` this one: see examples/Dockerfile.
# Nothing here needs BuildKit.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# Where packages come from: absent, or pip's settings and certificates of the machine that builds. This stage is not kept.
COPY LICENSE .image/* /registry/
ENV PIP_CONFIG_FILE=/registry/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv /opt/taskjob && /opt/taskjob/bin/pip install --quiet --upgrade pip
# What the project depends on, which changes less often than the project.
COPY pyproject.toml hack/image/requirements.py /source/
RUN python3 /source/requirements.py api cli operator worker >/source/requirements.txt \
 && /opt/taskjob/bin/pip install --quiet -r /source/requirements.txt
COPY README.md LICENSE /source/
COPY client /source/client
COPY engine /source/engine
COPY api /source/api
COPY worker /source/worker
COPY operator /source/operator
RUN /opt/taskjob/bin/pip install --quiet --no-deps /source

FROM ${BASE}
LABEL org.opencontainers.image.title="TaskJob" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Background jobs on Kubernetes as custom resources, run on workers that are already warm"
COPY --from=build /opt/taskjob /opt/taskjob
ENV PATH=/opt/taskjob/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["taskjob"]
CMD ["--help"]
