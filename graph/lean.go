package graph

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
)

// leanBuffer is what a socket reads and writes with. net/http would give each
// two buffers of 4 KiB, and most messages are shorter than this.
const leanBuffer = 512

// lean gives up a connection with small buffers: there may be thousands.
type lean struct{ http.ResponseWriter }

// Hijack implements http.Hijacker.
func (l lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, usual, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// What the client has sent already must be in the new buffer too.
	sent, err := usual.Reader.Peek(usual.Reader.Buffered())
	if err != nil {
		return nil, nil, err
	}
	reader := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(sent), conn), max(leanBuffer, len(sent)))
	if _, err := reader.Peek(len(sent)); err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, leanBuffer)), nil
}
