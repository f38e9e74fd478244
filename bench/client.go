package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// connection is one keep-alive connection. What is sent on it is ready-made
// bytes, and little is done with the answer: the generator shares the cores with
// the servers, and net/http's client would take about as much as they do.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

func dial(address string) (*connection, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, reader: bufio.NewReaderSize(conn, 32<<10)}, nil
}

func (c *connection) close() { _ = c.conn.Close() }

// send answers the body, which is valid until the next call.
func (c *connection) send(request []byte) (status int, body []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	if size := int(answer.ContentLength); size >= 0 {
		c.body = slices.Grow(c.body[:0], size)[:size]
		_, err = io.ReadFull(answer.Body, c.body)
		return answer.StatusCode, c.body, err
	}
	c.body = c.body[:0]
	for {
		c.body = slices.Grow(c.body, 16<<10)
		n, err := answer.Body.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return answer.StatusCode, c.body, nil
		case err != nil:
			return 0, nil, err
		}
	}
}

// operation is a GraphQL request.
type operation struct {
	query     string
	variables object
}

// encode makes the bytes of a POST. header lines are added as they are.
func (o operation) encode(address string, header ...string) []byte {
	body, err := json.Marshal(object{"query": o.query, "variables": o.variables})
	if err != nil {
		panic(err) // strings and numbers can be marshalled
	}
	lines := append([]string{
		"POST /graphql HTTP/1.1", "Host: " + address, "Content-Type: application/json", "Accept: application/json",
		fmt.Sprintf("Content-Length: %d", len(body)),
	}, header...)
	return append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...)
}

// isData tells whether an answer has data, and no errors: both engines would
// write those first, or null for the data.
func isData(status int, body []byte) bool {
	return status == http.StatusOK && bytes.HasPrefix(body, []byte(`{"data":{`))
}

// server is a process that answers GraphQL, and how to ask it.
type server struct {
	*process
	// header is what a request needs beside the usual; people is how many it has.
	header []string
	people int
}

// ask sends one operation on a connection of its own and answers its data.
func (s *server) ask(o operation) (object, error) {
	c, err := dial(s.address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	return s.askOn(c, o)
}

func (s *server) askOn(c *connection, o operation) (object, error) {
	status, body, err := c.send(o.encode(s.address, s.header...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if !isData(status, body) {
		return nil, fmt.Errorf("%s answers %d to %.60s %v: %.300s", s.name, status, strings.TrimSpace(o.query), o.variables, body)
	}
	var answer struct{ Data object }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return answer.Data, nil
}

// at finds a value in nested objects; nil when it is not there.
func at(value any, path ...string) any {
	for _, name := range path {
		o, _ := value.(object)
		value = o[name]
	}
	return value
}

// textAt is at, for text; empty when it is none.
func textAt(value any, path ...string) string {
	text, _ := at(value, path...).(string)
	return text
}
