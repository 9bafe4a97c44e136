// server-go [pem]: net/http, which refuses an upload before it has read it, and prints its port.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		writer.Header().Set("Connection", "close")
		writer.WriteHeader(413)
		fmt.Fprint(writer, strings.Repeat("x", 1000))
	})
	if len(os.Args) > 1 {
		panic(http.ServeTLS(listener, handler, os.Args[1], os.Args[1]))
	}
	panic(http.Serve(listener, handler))
}
