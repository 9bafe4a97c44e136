// upload <url> <count> <length|chunked>: uploads 5 MB <count> times, and prints one line for each: what the upload got.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

var body = make([]byte, 5<<20)

func upload(url string, chunked bool) (string, error) {
	var reader io.Reader = bytes.NewReader(body)
	if chunked {
		// A reader type that net/http does not know hides the length.
		reader = io.MultiReader(reader)
	}
	response, err := http.Post(url, "application/octet-stream", reader)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", len(answer)), err
}

func main() {
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	for i := 0; i < count; i++ {
		result, err := upload(os.Args[1], os.Args[3] == "chunked")
		// The innermost error: the outer ones contain port numbers.
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			result = inner.Error()
		}
		fmt.Println(result)
	}
}
