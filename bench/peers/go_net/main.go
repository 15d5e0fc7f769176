// SPDX-License-Identifier: MIT

// bench/peers/go_net/main.go - a goroutine per connection, on one core
//
// The server that net_exec runs: it is told "tcp" or "udp", prints its port,
// and echoes.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
)

const bufferBytes = 65536

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, bufferBytes)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func serveTCP() error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go echo(connection)
	}
}

func serveUDP() error {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	fmt.Println(socket.LocalAddr().(*net.UDPAddr).Port)
	buffer := make([]byte, bufferBytes)
	for {
		count, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		if _, err = socket.WriteToUDPAddrPort(buffer[:count], from); err != nil {
			return err
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	serve := serveTCP
	if len(os.Args) > 1 && os.Args[1] == "udp" {
		serve = serveUDP
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
