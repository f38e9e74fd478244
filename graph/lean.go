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
	leanBuffer    = 160
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
	l.wire.Conn, l.wire.reader = conn, reader
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

	// reader is what the library reads from, and before it those who await
	// something: one of them at a time.
	reader *bufio.Reader
	turn   sync.Mutex
	// awaiting is whether it is not the library's turn, and left whether it will
	// always be.
	awaiting, left bool
	ceased         *sync.Cond
}

// await waits until the client has sent something more, and then it is not the
// library's turn; false when nothing more comes, or leave was called. A goroutine
// that waits here needs 2 KiB of stack; within the library's reading it would
// need the double (go test -bench IdleSockets ./graph).
func (w *wire) await() bool {
	w.turn.Lock()
	w.awaiting = !w.left
	left := w.left
	w.turn.Unlock()
	if left {
		return false
	}
	if _, err := w.reader.Peek(1); err != nil {
		w.yield()
		return false
	}
	return true
}

// yield makes it the library's turn; false when leave was called.
func (w *wire) yield() bool {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.awaiting = false
	if w.left {
		_ = w.SetReadDeadline(time.Time{})
		w.ceased.Signal()
	}
	return !w.left
}

// leave makes it the library's turn for all that still comes.
func (w *wire) leave() {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.left, w.ceased = true, sync.NewCond(&w.turn)
	for w.awaiting {
		_ = w.SetReadDeadline(time.Unix(1, 0)) // long ago: who waits is woken
		w.ceased.Wait()
	}
}

// pong takes a pong that has begun to come; false when it is anything else, or
// not as it should be, which is for the library to read.
func (w *wire) pong() bool {
	const maskedHeader = 6
	begin, err := w.reader.Peek(2)
	if err != nil || begin[0] != finalPong || begin[1]&masked == 0 || begin[1]&^masked > shortLength {
		return false
	}
	_, err = w.reader.Discard(maskedHeader + int(begin[1]&^masked))
	return err == nil
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

// The bits of a frame's first byte, and the bit and the lengths that its second
// one stands for (RFC 6455, 5.2).
const (
	finalText    = 0x81
	finalPing    = 0x89
	finalPong    = 0x8a
	masked       = 0x80
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
