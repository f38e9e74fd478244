FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /roster . && mkdir /data

# Nothing but the program and the certificates; not root.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /roster /roster
COPY --from=build --chown=nonroot:nonroot /data /data
ENV ADDR=:8080 DATA_DIR=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/roster"]
