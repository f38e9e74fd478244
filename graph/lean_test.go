package graph

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rawClient is one end of a socket that speaks in frames.
type rawClient struct {
	testing.TB
	net.Conn
	reader *bufio.Reader
}

func (h *house) dialRaw(t testing.TB) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := &rawClient{t, conn, bufio.NewReader(conn)}
	c.write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n\r\n"))
	answer, err := http.ReadResponse(c.reader, nil)
	require.NoError(t, err)
	_ = answer.Body.Close()
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
	return c
}

func (h *house) beginRaw(t testing.TB, token string) *rawClient {
	t.Helper()
	c := h.dialRaw(t)
	c.write(c.frame(finalText, fmt.Sprintf(`{"type":"connection_init","payload":{"Authorization":"Bearer %s"}}`, token)))
	c.hears(`{"type":"connection_ack"}`)
	return c
}

func (c *rawClient) write(bytes []byte) {
	c.Helper()
	_, err := c.Write(bytes)
	require.NoError(c, err)
}

// frame is one of a client, masked with zeros, which leave it as it is.
func (*rawClient) frame(first byte, payload string) []byte {
	frame := []byte{first, masked | byte(len(payload))}
	if len(payload) > shortLength {
		frame = binary.BigEndian.AppendUint16([]byte{first, masked | length16Bits}, uint16(len(payload)))
	}
	return append(append(frame, 0, 0, 0, 0), payload...)
}

// next is the next frame of the server.
func (c *rawClient) next() (first byte, payload string, err error) {
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, "", err
	}
	var header [2]byte
	if _, err := io.ReadFull(c.reader, header[:]); err != nil {
		return 0, "", err
	}
	body := make([]byte, header[1])
	_, err = io.ReadFull(c.reader, body)
	return header[0], string(body), err
}

// hears waits for a message, and answers no pings.
func (c *rawClient) hears(want string) {
	c.Helper()
	for {
		first, payload, err := c.next()
		require.NoError(c, err)
		if first == finalText {
			require.Equal(c, want, payload)
			return
		}
	}
}

const askedPing, toldPong = `{"type":"ping"}`, `{"type":"pong"}`

func TestPongs(t *testing.T) {
	impatient := func(s *Sockets) { s.pace.check, s.pace.answer = 20*time.Millisecond, 500*time.Millisecond }

	t.Run("whoever answers stays, however the answers come", func(t *testing.T) {
		h := newHouse(t, impatient)
		token := h.session(t, h.root)
		for name, answer := range map[string]func(c *rawClient, payload string){
			"at once":                   func(c *rawClient, payload string) { c.write(c.frame(finalPong, payload)) },
			"with something of its own": func(c *rawClient, _ string) { c.write(c.frame(finalPong, strings.Repeat("p", shortLength))) },
			"byte by byte": func(c *rawClient, payload string) {
				for _, b := range c.frame(finalPong, payload+"more") {
					c.write([]byte{b})
				}
			},
			"with a message behind": func(c *rawClient, payload string) {
				c.write(append(c.frame(finalPong, payload), c.frame(finalText, askedPing)...))
			},
			"with a message before, and a ping": func(c *rawClient, payload string) {
				c.write(append(append(c.frame(finalText, askedPing), c.frame(finalPing, "mine")...), c.frame(finalPong, payload)...))
			},
		} {
			t.Run(name, func(t *testing.T) {
				c := h.beginRaw(t, token)
				for pings := 0; pings < 10; {
					first, payload, err := c.next()
					require.NoError(t, err)
					if first == finalPing {
						answer(c, payload)
						pings++
					}
				}
				c.write(c.frame(finalText, askedPing))
				c.hears(toldPong)
			})
		}
	})

	t.Run("whoever does not, or not as it should be, is dropped", func(t *testing.T) {
		h := newHouse(t, impatient)
		token := h.session(t, h.root)
		for name, answer := range map[string][]byte{
			"nothing": nil, "a half": {finalPong, masked | 4, 0}, "not masked": {finalPong, 0},
			"too long": {finalPong, masked | length16Bits, 0, 200, 0, 0, 0, 0}, "in pieces": {finalPong &^ 0x80, masked, 0, 0, 0, 0},
		} {
			t.Run(name, func(t *testing.T) {
				c := h.beginRaw(t, token)
				for pinged := false; ; {
					first, _, err := c.next()
					if err != nil {
						break
					}
					if first == finalPing && !pinged {
						pinged = true
						c.write(answer)
					}
				}
				require.Eventually(t, func() bool { return h.sockets.count() == 0 }, 30*time.Second, time.Millisecond)
			})
		}
	})

	t.Run("one that is under way when the server stops holds up nothing", func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.beginRaw(t, h.session(t, h.root))
		c.write([]byte{finalPong, masked | 4, 0})
		// What came before was read.
		h.listen(t, h.session(t, h.root))
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.sockets.Close(context.Background())
		}()
		first, _, err := c.next()
		require.NoError(t, err)
		assert.Equal(t, byte(0x80|closeFrame), first)
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Error("it has not stopped")
		}
	})
}

// BenchmarkIdleSockets opens sockets that then wait, and tells what one takes.
func BenchmarkIdleSockets(b *testing.B) {
	const n = 1000
	for range b.N {
		h := newHouse(b, nil)
		token := h.session(b, h.root)
		heap, stacks := memory()
		for range n {
			c := h.beginRaw(b, token)
			c.write(c.frame(finalText, `{"id":"1","type":"subscribe","payload":{"query":"`+changes+`"}}`))
			c.write(c.frame(finalText, askedPing))
			c.hears(toldPong)
			c.reader = nil
		}
		moreHeap, moreStacks := memory()
		b.ReportMetric(float64(moreHeap-heap)/n, "heap-B/socket")
		b.ReportMetric(float64(moreStacks-stacks)/n, "stack-B/socket")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		h.sockets.Close(ctx)
		cancel()
	}
}

// memory is what the live heap and the stacks take.
func memory() (heap, stacks int64) {
	runtime.GC()
	debug.FreeOSMemory()
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
}
