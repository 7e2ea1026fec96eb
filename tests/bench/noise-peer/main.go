// The peer for session and pairing set-up: the same two Noise patterns with flynn/noise (Debian: golang-github-flynn-noise-dev), both ends
// in one process. Prints JSON: median microseconds for one handshake of each pattern, both ends together, and the bytes on the wire.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log"
	"os"
	"sort"
	"syscall"
	"time"

	"github.com/flynn/noise"
)

const rounds, batch = 31, 20

type result struct {
	Microseconds float64 `json:"us"`
	Bytes        int     `json:"bytes"`
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func handshake(pattern noise.HandshakePattern, camera, companion noise.DHKey, psk []byte) int {
	suite := noise.NewCipherSuite(noise.DH25519, noise.CipherAESGCM, noise.HashSHA256)
	known := len(pattern.InitiatorPreMessages) > 0
	configure := func(initiator bool, own, peer noise.DHKey) *noise.HandshakeState {
		config := noise.Config{CipherSuite: suite, Random: rand.Reader, Pattern: pattern, Initiator: initiator, StaticKeypair: own}
		if known {
			config.PeerStatic = peer.Public
			config.PresharedKey = psk
		}
		state, err := noise.NewHandshakeState(config)
		must(err)
		return state
	}
	ends := [2]*noise.HandshakeState{configure(true, companion, camera), configure(false, camera, companion)}
	total := 0
	for turn := 0; ; turn++ {
		message, send, _, err := ends[turn%2].WriteMessage(nil, nil)
		must(err)
		total += len(message)
		_, receive, _, err := ends[1-turn%2].ReadMessage(nil, message)
		must(err)
		if send != nil && receive != nil {
			sealed, err := send.Encrypt(nil, nil, []byte("first"))
			must(err)
			opened, err := receive.Decrypt(nil, nil, sealed)
			must(err)
			if !bytes.Equal(opened, []byte("first")) {
				log.Fatal("the two ends have different keys")
			}
			return total
		}
	}
}

// Time that this process has had a processor for, as ours is counted (CLOCK_WORKING in tests/bench/compare.h).
func worked() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func measure(pattern noise.HandshakePattern) result {
	suite := noise.NewCipherSuite(noise.DH25519, noise.CipherAESGCM, noise.HashSHA256)
	camera, err := suite.GenerateKeypair(rand.Reader)
	must(err)
	companion, err := suite.GenerateKeypair(rand.Reader)
	must(err)
	psk := make([]byte, 32)
	var times []float64
	sent := 0
	for round := 0; round < rounds; round++ {
		began := worked()
		for i := 0; i < batch; i++ {
			sent = handshake(pattern, camera, companion, psk)
		}
		times = append(times, float64((worked()-began).Nanoseconds())/batch/1000)
	}
	sort.Float64s(times)
	return result{times[rounds/2], sent}
}

func main() {
	must(json.NewEncoder(os.Stdout).Encode(map[string]result{"XX": measure(noise.HandshakeXX), "KK": measure(noise.HandshakeKK)}))
}
