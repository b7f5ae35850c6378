# One image for all services: docker build -t heapster-stream .
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/heapster-stream UV_NO_CACHE=1
WORKDIR /src

# dependencies first: this layer is rebuilt less often than the sources
COPY pyproject.toml uv.lock README.md ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-project --python "$(command -v python3)"

COPY . .
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable --python "$(command -v python3)"

# Compile to bytecode: the user below cannot write there, and it halves the start-up time. The Kubernetes client's models
# are left out: they are half of all files and never loaded.
RUN python3 -m compileall -q -j 0 -x '/kubernetes/client/(api|models)/' /opt/heapster-stream/lib

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/heapster-stream /opt/heapster-stream
ENV PYTHONUNBUFFERED=1 PATH=/opt/heapster-stream/bin:$PATH
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["heapster-stream"]
