// SPDX-License-Identifier: MIT

// bench/peers/go/main.go - goroutines, on one core
//
// Understands the same command line as the programs in C (measure.h), does the
// same work the same number of times, and prints the same lines.  GOMAXPROCS is
// 1, so that no metric pays for waking another core.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	contender        = "go"
	batch            = 50 * time.Millisecond
	batchQuick       = time.Millisecond
	warmUpRounds     = 1000
	blockedChildren  = 1000
	outstandingCount = 100000
	sleepRounds      = 4
)

type kind int

const (
	grown kind = iota // the count grows until a batch is long enough
	fixed             // the count is given; rounds are added up instead
	each              // one round per process; the result is shared out
	total             // one round per process; the result stands for itself
)

type metric struct {
	name       string
	unit       string
	kind       kind
	run        func(count int) float64
	count      int
	countQuick int
}

var metrics = []metric{
	{"core.switch_ns", "ns", grown, runSwitch, 0, 0},
	{"core.spawn_join_ns", "ns", grown, runSpawn, 0, 0},
	{"core.spawn_block_join_1000_ns", "ns", fixed, runBlock,
		400 * blockedChildren, 10 * blockedChildren},
	{"core.queue_roundtrip_ns", "ns", grown, runChannel, 0, 0},
	{"core.cancel_ns", "ns", fixed, runCancel, 100000, 5000},
	{"core.timer_arm_cancel_ns", "ns", grown, runArmCancel, 0, 0},
	{"core.timer_arm_fire_ns", "ns", fixed, runArmFire, outstandingCount,
		10000},
	{"core.sleep_100000_ns", "ns", fixed, runSleep, 100000 * sleepRounds,
		2000 * sleepRounds},
	{"core.idle_task_bytes_100000", "B", each, runMemory, 100000, 10000},
	{"core.idle_task_bytes_1000000", "B", each, runMemory, 1000000, 20000},
	{"core.tasks_alive", "tasks", total, runAlive, 1000000, 20000},
}

func since(start time.Time) float64 {
	return float64(time.Since(start).Nanoseconds())
}

// cpuTime is what the whole process has used, in nanoseconds.
func cpuTime() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

// memoryBytes is what the process occupies, page tables included.
func memoryBytes() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err)
	}
	kilobytes := 0.0
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 3 &&
			(fields[0] == "VmRSS:" || fields[0] == "VmPTE:") {
			number, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				fail(err)
			}
			kilobytes += number
		}
	}
	return kilobytes * 1024
}

// sleepTime is 10 to 100 ms, in the same disorder for every contender.
func sleepTime(index, round int) time.Duration {
	us := 10000 + (index*7919+round*104729)%90000
	return time.Duration(us) * time.Microsecond
}

func runSwitch(count int) float64 {
	var done sync.WaitGroup
	done.Add(2)
	takeTurns := func() {
		for i := 0; i < count/2; i++ {
			runtime.Gosched()
		}
		done.Done()
	}
	start := time.Now()
	go takeTurns()
	go takeTurns()
	done.Wait()
	return since(start)
}

func spawnAndJoin(count int) {
	var done sync.WaitGroup
	for i := 0; i < count; i++ {
		done.Add(1)
		go done.Done()
		done.Wait()
	}
}

func runSpawn(count int) float64 {
	spawnAndJoin(warmUpRounds)
	start := time.Now()
	spawnAndJoin(count)
	return since(start)
}

func spawnBlockJoin(children int) {
	var done sync.WaitGroup
	done.Add(children)
	gate := make(chan struct{})
	for i := 0; i < children; i++ {
		go func() {
			<-gate
			done.Done()
		}()
	}
	runtime.Gosched()
	close(gate)
	done.Wait()
}

func runBlock(count int) float64 {
	spawnBlockJoin(blockedChildren)
	start := time.Now()
	for i := 0; i < count; i += blockedChildren {
		spawnBlockJoin(blockedChildren)
	}
	return since(start)
}

func runChannel(count int) float64 {
	there := make(chan int, 1)
	back := make(chan int, 1)
	go func() {
		for i := 0; i < count; i++ {
			back <- <-there + 1
		}
	}()
	start := time.Now()
	for i := 0; i < count; i++ {
		there <- i
		if <-back != i+1 {
			fail("another ball came back")
		}
	}
	return since(start)
}

func runCancel(count int) float64 {
	all, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			<-all.Done()
			done.Done()
		}()
	}
	runtime.Gosched()
	start := time.Now()
	cancel()
	done.Wait()
	return since(start)
}

func runArmCancel(count int) float64 {
	others := make([]*time.Timer, outstandingCount)
	for i := range others {
		others[i] = time.AfterFunc(time.Hour+sleepTime(i, 0), func() {})
	}
	timer := time.AfterFunc(time.Hour, func() {})
	start := time.Now()
	for i := 0; i < count; i++ {
		timer.Reset(time.Hour + sleepTime(i, 1))
		timer.Stop()
	}
	took := since(start)
	for _, other := range others {
		other.Stop()
	}
	return took
}

func armFire(count int) {
	var done sync.WaitGroup
	done.Add(count)
	for i := 0; i < count; i++ {
		time.AfterFunc(time.Duration(i*7919%1000000), done.Done)
	}
	done.Wait()
}

func runArmFire(count int) float64 {
	armFire(count)
	start := time.Now()
	armFire(count)
	return since(start)
}

// runSleep counts from the moment when all begin to sleep until the last has
// finished; nobody ends before that.
func runSleep(count int) float64 {
	sleepers := count / sleepRounds
	begin := make(chan struct{})
	var slept sync.WaitGroup
	slept.Add(sleepers)
	for i := 0; i < sleepers; i++ {
		go func(index int) {
			<-begin
			for round := 0; round < sleepRounds; round++ {
				time.Sleep(sleepTime(index, round))
			}
			slept.Done()
		}(i)
	}
	runtime.Gosched()
	start := cpuTime()
	close(begin)
	slept.Wait()
	return cpuTime() - start
}

func runMemory(count int) float64 {
	never := make(chan struct{})
	before := memoryBytes()
	for i := 0; i < count; i++ {
		go func() {
			<-never
		}()
	}
	runtime.Gosched()
	after := memoryBytes()
	close(never)
	return after - before
}

func runAlive(count int) float64 {
	all, cancel := context.WithTimeout(context.Background(), time.Hour)
	var done sync.WaitGroup
	done.Add(count)
	asleep := 0 // one core: nobody else counts at the same time
	for i := 0; i < count; i++ {
		go func() {
			asleep++
			timer := time.NewTimer(time.Hour)
			select {
			case <-timer.C:
			case <-all.Done():
				timer.Stop()
			}
			done.Done()
		}()
	}
	for asleep < count {
		runtime.Gosched()
	}
	reached := asleep
	cancel()
	done.Wait()
	return float64(reached)
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}

// measure returns the result of one repetition and the count that was enough.
func (m metric) measure(count int, long time.Duration) (float64, int) {
	goal := float64(long.Nanoseconds())
	switch m.kind {
	case grown:
		for {
			took := m.run(count)
			if took >= goal {
				return took / float64(count), count
			}
			factor := 1.2 * goal / (took + 1)
			if factor < 1.5 {
				factor = 1.5
			}
			if factor > 100 {
				factor = 100
			}
			count = int(float64(count)*factor) + 1
		}
	case fixed:
		took, done := 0.0, 0
		for took < goal {
			took += m.run(count)
			done += count
		}
		return took / float64(done), count
	case each:
		return m.run(count) / float64(count), count
	}
	return m.run(count), count
}

func (m metric) print(reps int, quick bool) {
	count, long := m.count, batch
	if quick {
		count, long = m.countQuick, batchQuick
	}
	if m.kind == grown {
		count = 100
	}
	if m.kind == each || m.kind == total {
		reps = 1
	}
	for i := 0; i < reps; i++ {
		var value float64
		value, count = m.measure(count, long)
		fmt.Printf("%s\t%s\t%.2f\t%s\n", m.name, contender, value, m.unit)
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	arguments := os.Args[1:]
	if len(arguments) == 1 && arguments[0] == "--list" {
		for _, m := range metrics {
			fmt.Println(m.name)
		}
		return
	}
	quick := len(arguments) > 1 && arguments[len(arguments)-1] == "--quick"
	if quick {
		arguments = arguments[:len(arguments)-1]
	}
	reps := 1
	if len(arguments) == 2 {
		number, err := strconv.Atoi(arguments[1])
		if err != nil {
			fail(err)
		}
		reps = number
	}
	for _, m := range metrics {
		if len(arguments) > 0 && m.name == arguments[0] {
			m.print(reps, quick)
			return
		}
	}
	fail("usage: --list | METRIC [REPS] [--quick]")
}
