// SPDX-License-Identifier: MIT

// A server with gorilla/websocket in one thread: echo_gorilla PORT [MODE [CERT KEY]].
// The package leaves the UTF-8 of texts to the program: MODE "checked" is "deflate" with a check.
// Built with Debian's packages, without modules: GO111MODULE=off GOPATH=/usr/share/gocode.
package main

import (
	"bytes"
	"crypto/tls"
	"log"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

var (
	mode     = "echo"
	upgrader = websocket.Upgrader{
		ReadBufferSize:  4096,
		WriteBufferSize: 4096,
		WriteBufferPool: &sync.Pool{},
		CheckOrigin:     func(*http.Request) bool { return true },
	}
	lock sync.Mutex
	all  = map[*websocket.Conn]chan *websocket.PreparedMessage{}
)

func echo(c *websocket.Conn) {
	var b bytes.Buffer
	for {
		kind, r, err := c.NextReader()
		if err != nil {
			return
		}
		b.Reset()
		if _, err = b.ReadFrom(r); err != nil {
			return
		}
		if mode == "checked" && kind == websocket.TextMessage && !utf8.Valid(b.Bytes()) {
			c.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, ""),
				time.Now().Add(time.Second))
			return
		}
		if err = c.WriteMessage(kind, b.Bytes()); err != nil {
			return
		}
	}
}

func broadcast(c *websocket.Conn) {
	queue := make(chan *websocket.PreparedMessage, 64)
	lock.Lock()
	all[c] = queue
	lock.Unlock()
	go func() {
		for m := range queue {
			if c.WritePreparedMessage(m) != nil {
				c.Close()
			}
		}
	}()
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			break
		}
		m, err := websocket.NewPreparedMessage(kind, data)
		if err != nil {
			break
		}
		lock.Lock()
		for _, q := range all {
			q <- m
		}
		lock.Unlock()
	}
	lock.Lock()
	delete(all, c)
	close(queue)
	lock.Unlock()
}

func serve(w http.ResponseWriter, r *http.Request) {
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	c.SetReadLimit(32 << 20)
	if mode == "deflate" || mode == "checked" {
		c.SetCompressionLevel(1)
	} else if mode == "dense" {
		c.SetCompressionLevel(6)
	}
	if mode == "broadcast" {
		broadcast(c)
	} else {
		echo(c)
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	if len(os.Args) > 2 {
		mode = os.Args[2]
	}
	upgrader.EnableCompression = mode == "deflate" || mode == "checked" || mode == "dense"
	s := http.Server{
		Addr:         "127.0.0.1:" + os.Args[1],
		Handler:      http.HandlerFunc(serve),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	if mode == "tls" {
		log.Fatal(s.ListenAndServeTLS(os.Args[3], os.Args[4]))
	}
	log.Fatal(s.ListenAndServe())
}
