# The image of the proxy: the program, a verifier for its trail, and nothing
# to log in to. There is no shell and no package manager in it.
#
#   docker build -t sluice .
#   docker run -v ./conf:/etc/sluice:ro -v sluice-trail:/var/lib/sluice -p 6432:6432 sluice
#
# It writes to /var/lib/sluice only, so --read-only and --cap-drop=ALL fit;
# examples/compose and examples/kubernetes have them.
#
# Tags can move. A release names both images by digest:
#   --build-arg GO_IMAGE=golang@sha256:... --build-arg BASE_IMAGE=gcr.io/distroless/base-nossl-debian12@sha256:...
#
# Both are Debian 12, because the parser is C and the two must have the same
# glibc.
ARG GO_IMAGE=golang:1.26.8-bookworm
ARG BASE_IMAGE=gcr.io/distroless/base-nossl-debian12:nonroot

FROM ${GO_IMAGE} AS build
ENV GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
RUN CGO_ENABLED=1 go build -trimpath -ldflags="-s -w" -o /out/usr/bin/sluice ./cmd/sluice
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/usr/bin/sluice-verify ./cmd/sluice-verify
RUN install -D -m 0644 LICENSE /out/usr/share/doc/sluice/LICENSE && install -d -m 0700 /out/trail

FROM ${BASE_IMAGE}
COPY --from=build /out/usr/ /usr/
# A volume takes the owner of the folder it is laid over.
COPY --from=build --chown=65532:65532 /out/trail/ /var/lib/sluice/
USER 65532:65532
WORKDIR /var/lib/sluice
VOLUME /var/lib/sluice
EXPOSE 6432
# It needs admin.address in the configuration. It is not more often than what
# runs the image wants to know: Kubernetes asks for itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=1m --start-interval=1s --retries=3 CMD ["/usr/bin/sluice", "healthcheck", "--config", "/etc/sluice/sluice.yaml"]
# Docker's own signal, too, lets transactions finish: see limits.drain.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/sluice"]
CMD ["serve", "--config", "/etc/sluice/sluice.yaml"]
