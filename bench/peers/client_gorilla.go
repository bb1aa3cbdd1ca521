// SPDX-License-Identifier: MIT

// A client with gorilla/websocket that goes through all cases of "websock test --serve":
// client_gorilla URL AGENT. The package leaves the UTF-8 of texts to the program, which checks it.
// Built with Debian's packages, without modules: GO111MODULE=off GOPATH=/usr/share/gocode.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

var dialer = websocket.Dialer{EnableCompression: true, HandshakeTimeout: 30 * time.Second}

// The last message that came, once the connection has ended, for whatever reason.
func visit(path string, echo bool) (last string) {
	c, _, err := dialer.Dial(os.Args[1]+path, nil)
	if err != nil {
		return
	}
	defer c.Close()
	c.SetReadLimit(32 << 20)
	for {
		kind, message, err := c.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage && !utf8.Valid(message) {
			c.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, ""),
				time.Now().Add(time.Second))
			return
		}
		last = string(message)
		if echo && c.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func main() {
	agent := os.Args[2]
	count, err := strconv.Atoi(visit("/getCaseCount", false))
	if err != nil {
		os.Exit(1)
	}
	for n := 1; n <= count; n++ {
		visit(fmt.Sprintf("/runCase?case=%d&agent=%s", n, agent), true)
	}
	visit("/updateReports?agent="+agent, false)
}
