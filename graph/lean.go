package graph

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// leanBuffer is what a socket reads with, and controlBuffer what the library
// writes with: its control frames only, since messages are written as they are.
// net/http would give each two buffers of 4 KiB.
const (
	leanBuffer    = 128
	controlBuffer = 160
)

// lean gives up a connection with small buffers: there may be thousands.
type lean struct {
	http.ResponseWriter
	wire *wire
}

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
	l.wire.Conn = conn
	return l.wire, bufio.NewReadWriter(reader, bufio.NewWriterSize(l.wire, controlBuffer)), nil
}

// wire is the connection under a socket. The library writes control frames to
// it, each at once, and the socket messages that are framed already: so that
// what thousands are told is one call of the system for each, and no more.
type wire struct {
	net.Conn
	mu sync.Mutex
	// closing is whether the client was told that nothing more will come.
	closing bool
}

// Write implements net.Conn, for the library.
func (w *wire) Write(frame []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = w.closing || len(frame) > 0 && frame[0]&0x0f == closeFrame
	return w.Conn.Write(frame)
}

// message writes a framed message, for which the client has so long.
func (w *wire) message(framed []byte, patience time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return net.ErrClosed
	}
	if err := w.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := w.Conn.Write(framed); err != nil {
		// A part of it may be there: nothing can follow.
		w.closing = true
		return errors.Join(err, w.Close())
	}
	return w.SetWriteDeadline(time.Time{})
}

// The bits of a frame's first byte, and the lengths that its second one stands
// for (RFC 6455, 5.2).
const (
	finalText    = 0x81
	closeFrame   = 0x8
	shortLength  = 125
	length16Bits = 126
	length64Bits = 127
)

// framed is a message as it goes over the wire.
func framed(message []byte) []byte {
	frame := make([]byte, 0, len(message)+10)
	switch n := len(message); {
	case n <= shortLength:
		frame = append(frame, finalText, byte(n))
	case n <= math.MaxUint16:
		frame = binary.BigEndian.AppendUint16(append(frame, finalText, length16Bits), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, finalText, length64Bits), uint64(n))
	}
	return append(frame, message...)
}
