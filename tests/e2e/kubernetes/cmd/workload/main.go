// Command workload is every program of the tests' image: a sandbox's pause, a sidecar's stand-in,
// a server, and a client that says where its connections landed.
//
//	workload pause              do nothing until told to end
//	workload sidecar            be the proxy: 15001 and 15006, 15053 for DNS, /ready on 9902
//	workload serve NAME PORT..  answer TCP and UDP at the ports, saying NAME and who asked
//	workload probe URL..        ask tcp://HOST:PORT or udp://HOST:PORT, print a line for each
//	workload app NAME PORT.. -- URL..   probe first, as the very first thing, then serve
//
// An answer is one line: who answered, and for the sidecar which of its ports took the connection
// and where it was going (SO_ORIGINAL_DST, linux/netfilter_ipv4.h).
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	// Patience bounds one probe; where nothing answers it is what a test waits.
	patience = 3 * time.Second
	// The same number for both families: SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST.
	originalDst = 80
)

func main() {
	if len(os.Args) < 2 {
		fail("which verb? pause, sidecar, serve, probe, app")
	}
	verb, words := os.Args[1], os.Args[2:]
	switch verb {
	case "pause":
	case "sidecar":
		sidecar()
	case "serve":
		serve(words)
	case "probe":
		probe(words)
		return
	case "app":
		middle := slices.Index(words, "--")
		if middle < 0 {
			fail("app: NAME PORT.. -- URL..")
		}
		probe(words[middle+1:])
		serve(words[:middle])
	default:
		fail("unknown verb " + verb)
	}
	untilTold()
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "workload: "+text)
	os.Exit(2)
}

// untilTold waits for the signal that ends a pod; the first process of a namespace has no default
// for it.
func untilTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	<-told
}

// --- servers -------------------------------------------------------------------------------------

// Redirected packets arrive at loopback, and the answer must come from there for conntrack to know
// it: a socket of any address would answer from the pod's.
var (
	anywhere = [...]string{"", ""}
	loopback = [...]string{"127.0.0.1", "::1"}
)

// Each family has a socket of its own: SO_ORIGINAL_DST of an IPv4 connection cannot be asked of an
// IPv6 socket.
func listen(port string, answer func(net.Conn) string) {
	for _, family := range []string{"4", "6"} {
		listener, err := net.Listen("tcp"+family, ":"+port)
		if err != nil {
			fail(err.Error())
		}
		go accept(listener, answer)
	}
}

func accept(listener net.Listener, answer func(net.Conn) string) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail(err.Error())
		}
		fmt.Fprintln(connection, answer(connection))
		connection.Close()
	}
}

func listenPacket(addresses [2]string, port string, answer func(net.Addr) string) {
	for at, family := range []string{"4", "6"} {
		socket, err := net.ListenPacket("udp"+family, net.JoinHostPort(addresses[at], port))
		if err != nil {
			fail(err.Error())
		}
		go reply(socket, answer)
	}
}

func reply(socket net.PacketConn, answer func(net.Addr) string) {
	question := make([]byte, 512)
	for {
		_, from, err := socket.ReadFrom(question)
		if err != nil {
			fail(err.Error())
		}
		socket.WriteTo([]byte(answer(from)+"\n"), from)
	}
}

func serve(words []string) {
	if len(words) < 1 {
		fail("serve: NAME PORT..")
	}
	name := words[0]
	for _, port := range words[1:] {
		listen(port, func(c net.Conn) string { return name + " from " + host(c.RemoteAddr()) })
		listenPacket(anywhere, port, func(from net.Addr) string { return name + " from " + host(from) })
	}
	fmt.Println("serving")
}

func sidecar() {
	side := func(name string) func(net.Conn) string {
		return func(c net.Conn) string { return "sidecar " + name + " to " + destination(c) }
	}
	listen("15001", side("outbound"))
	listen("15006", side("inbound"))
	listen("15053", func(net.Conn) string { return "sidecar dns" })
	listenPacket(loopback, "15053", func(net.Addr) string { return "sidecar dns" })
	http.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
	fmt.Println("serving")
	fail(http.ListenAndServe(":9902", nil).Error())
}

func host(address net.Addr) string {
	text, _, _ := net.SplitHostPort(address.String())
	return text
}

// destination asks the kernel where a redirected connection was going.
func destination(connection net.Conn) string {
	raw, err := connection.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err.Error()
	}
	level := syscall.IPPROTO_IP
	if strings.HasPrefix(connection.LocalAddr().String(), "[") {
		level = syscall.IPPROTO_IPV6
	}
	answer := ""
	raw.Control(func(descriptor uintptr) { answer = ask(descriptor, level) })
	return answer
}

func ask(descriptor uintptr, level int) string {
	var address syscall.RawSockaddrInet6 // large enough for both families
	size := uint32(unsafe.Sizeof(address))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, descriptor, uintptr(level), originalDst,
		uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno.Error()
	}
	port := (*[2]byte)(unsafe.Pointer(&address.Port))
	ip := net.IP(address.Addr[:])
	if level == syscall.IPPROTO_IP {
		ip = net.IP((*[4]byte)(unsafe.Pointer(&address.Flowinfo))[:])
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(int(port[0])<<8|int(port[1])))
}

// --- client --------------------------------------------------------------------------------------

func probe(targets []string) {
	for _, target := range targets {
		where, err := url.Parse(target)
		if err != nil {
			fail(err.Error())
		}
		fmt.Printf("%s -> %s\n", target, landing(where.Scheme, where.Host))
	}
}

func landing(proto, address string) string {
	connection, err := net.DialTimeout(proto, address, patience)
	if err != nil {
		return failure(err)
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(patience))
	if proto == "udp" {
		fmt.Fprintln(connection, "who are you?")
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return failure(err)
	}
	return strings.TrimSpace(line)
}

func failure(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "timeout"):
		return "timeout"
	case strings.Contains(text, "refused"):
		return "refused"
	default:
		return text
	}
}
