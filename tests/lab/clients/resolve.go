// Resolves names by Go's own resolver (built without cgo): the same words as resolve.c.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

var networks = map[string]string{"addresses": "ip", "ipv4": "ip4", "ipv6": "ip6"}

func main() {
	for words := os.Args[1:]; len(words) > 1; words = words[2:] {
		resolve(words[0], words[1])
	}
}

func resolve(what, subject string) {
	resolver := &net.Resolver{PreferGo: true}
	if what == "name" {
		tell(resolver.LookupAddr(context.Background(), subject))
		return
	}
	found, err := resolver.LookupIP(context.Background(), networks[what], subject)
	var texts []string
	for _, address := range found {
		texts = append(texts, address.String())
	}
	tell(texts, err)
}

func tell(texts []string, err error) {
	var failed *net.DNSError
	var address *net.AddrError
	switch {
	case errors.As(err, &failed) && failed.IsNotFound:
		fmt.Println("no such name")
	case errors.As(err, &address):
		fmt.Println("no data")
	case err != nil:
		fmt.Println("failure:", err)
	default:
		for _, text := range texts {
			fmt.Print(text, " ")
		}
		fmt.Println()
	}
}
