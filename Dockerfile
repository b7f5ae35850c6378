# One image for all services: docker build -t heapster-stream .
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/heapster-stream/.venv/bin:$PATH
WORKDIR /opt/heapster-stream

RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9

# the dependencies first: they change less often than the sources
COPY pyproject.toml uv.lock README.md ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-project --no-cache --python python3

COPY . .
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable --no-cache --python python3

USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["heapster-stream"]
