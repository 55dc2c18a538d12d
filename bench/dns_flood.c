/*
 * dns_flood: asks a DNS server the questions of a file and checks every answer.
 *
 *     dns_flood flood PORT FILE FIRST UNIQUE SECONDS WINDOW   as fast as the server answers
 *     dns_flood pace  PORT FILE FIRST UNIQUE SECONDS RATE     at RATE questions a second
 *     dns_flood until PORT FILE FIRST UNIQUE SECONDS 0        until it is first answered
 *
 * FIRST is the number of the question to begin with; behind the last comes the first again.
 * UNIQUE other than 0 numbers the questions: the first eight letters of their names are written
 * over in hexadecimal, from UNIQUE on, so that no cache has ever seen them.
 *
 * flood is a closed loop: WINDOW questions are under way, and each answer is followed by the next
 * question.  It finds out what a server can do.  WINDOW must be so small that it fits into the
 * server's socket buffer, or it measures how fast packets can be dropped.
 *
 * pace is an open loop: questions leave by the clock, whatever comes back, and an answer's time
 * counts from when its question was DUE, not from when it left.  A client that waits for its
 * answers (or counts from the sending) does not see the queue behind a server that paused: it
 * would count one late answer where a thousand were late ("coordinated omission").  It spins,
 * since a timer wakes 50 us late; for that it wants a core of its own.  All times are kept, none
 * are put into buckets.  "pause" is how long the client itself was away at most: no answer's time
 * is known better than that.
 *
 * "wrong" counts the answers that are not right (see dns_questions.h), "lost" the questions that
 * nothing came back for within GRACE after the end, "turned" how often another one of the expected
 * addresses came than before: the server's table was replaced.
 *
 * The result is one JSON object on standard output, times in microseconds (but "seconds", of the
 * whole run, and "last_came", CLOCK_MONOTONIC).  Linux only; the server is at 127.0.0.1.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "dns_questions.h"

enum { BATCH = 64, IDS = 65536 };
static const uint64_t SECOND = 1000000000, GRACE = 1000000000;
static const int AGAIN = 2; /* milliseconds */

struct flight { /* what was sent under an ID */
    const struct question *question;
    uint64_t due;
    uint32_t number;
    bool waiting;
};

static size_t following; /* question */
static uint32_t unique;
static struct flight flights[IDS];
static uint16_t next_id;
static int server;

static uint64_t sent, answered, wrong, lost, turned;
static uint64_t last_came, longest_pause; /* nanoseconds */
static uint32_t *times;                   /* nanoseconds, one for each right answer of pace */
static size_t most_times;
static int last_choice = -1;

static struct batch {
    unsigned char packets[BATCH][LONGEST];
    struct iovec parts[BATCH];
    struct mmsghdr heads[BATCH];
} outgoing, incoming;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void open_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_usec = 100000};
    int room = 8 << 20;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_DGRAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) < 0)
        give_up("socket");
    setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < 2 * BATCH; i++) {
        struct batch *batch = i % 2 ? &outgoing : &incoming;
        batch->parts[i / 2] = (struct iovec){batch->packets[i / 2], LONGEST};
        batch->heads[i / 2].msg_hdr.msg_iov = &batch->parts[i / 2];
        batch->heads[i / 2].msg_hdr.msg_iovlen = 1;
    }
}

/* Put the next question into the batch of those that leave. */
static void prepare(int place, uint64_t due)
{
    const struct question *q = &questions[following++ % asked_of];
    struct flight *flight = &flights[next_id];
    lost += flight->waiting; /* its ID has come round again */
    *flight = (struct flight){q, due, unique, true};
    memcpy(outgoing.packets[place], q->query, q->length);
    memcpy(outgoing.packets[place], &next_id, 2);
    if (unique)
        write_number(outgoing.packets[place], unique++);
    outgoing.parts[place].iov_len = q->length;
    next_id++;
}

/* Send a batch; a server that is not there (yet) refuses, and its questions are lost. */
static void send_batch(int count)
{
    for (int done = 0; done < count;) {
        int left = sendmmsg(server, outgoing.heads + done, (unsigned)(count - done), 0);
        if (left < 0 && errno != ECONNREFUSED && errno != EINTR)
            give_up("sendmmsg");
        done += left > 0 ? left : errno == ECONNREFUSED;
    }
    sent += (uint64_t)count;
}

static void take(unsigned char *answer, size_t size)
{
    uint16_t id;
    memcpy(&id, answer, 2);
    struct flight *flight = &flights[id];
    int choice = -1;
    if (size >= HEADER && flight->waiting)
        choice = judge(answer, size, flight->question, flight->number);
    flight->waiting = false;
    wrong += choice < 0;
    if (choice < 0)
        return;
    turned += last_choice >= 0 && choice != last_choice;
    last_choice = choice;
    uint64_t took = last_came - flight->due;
    if (answered < most_times)
        times[answered] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    answered++;
}

/* Take what is there; return how much it was. */
static int receive(int flags)
{
    int count = recvmmsg(server, incoming.heads, BATCH, flags, NULL);
    if (count > 0)
        last_came = now();
    for (int i = 0; i < count; i++)
        take(incoming.packets[i], incoming.heads[i].msg_len);
    return count > 0 ? count : 0;
}

static void flood(uint64_t end, int window)
{
    for (int open = window; open > 0;) {
        int count = open < BATCH ? open : BATCH;
        for (int i = 0; i < count; i++)
            prepare(i, 0);
        send_batch(count);
        open -= count;
        while (open == 0 && now() < end)
            open = receive(MSG_WAITFORONE);
    }
    while (answered + wrong < sent && now() < end + GRACE)
        receive(MSG_WAITFORONE);
}

static void pace(uint64_t begin, uint64_t end, int rate)
{
    uint64_t due = begin, interval = SECOND / (uint64_t)rate, before = begin;
    for (uint64_t time = begin; due < end || (answered + wrong < sent && time < end + GRACE);) {
        int count = 0;
        for (; due <= time && due < end && count < BATCH; due += interval)
            prepare(count++, due);
        if (count)
            send_batch(count);
        receive(MSG_DONTWAIT);
        time = now();
        if (time - before > longest_pause)
            longest_pause = time - before;
        before = time;
    }
}

static void until(uint64_t end)
{
    struct pollfd readable = {.fd = server, .events = POLLIN};
    while (!answered && now() < end) {
        prepare(0, 0);
        send_batch(1);
        if (poll(&readable, 1, AGAIN) > 0 && !receive(MSG_DONTWAIT))
            usleep(1000 * AGAIN); /* refused: there is no server yet */
    }
}

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void print_result(uint64_t begin)
{
    size_t count = answered < most_times ? answered : most_times, last = count ? count - 1 : 0;
    qsort(times, count, sizeof *times, ascending);
    printf("{\"sent\": %lu, \"answered\": %lu, \"wrong\": %lu, \"lost\": %lu, \"turned\": %lu,", sent,
           answered, wrong, lost, turned);
    printf(" \"seconds\": %.6f, \"last_came\": %.6f,", (double)(last_came - begin) / 1e9,
           (double)last_came / 1e9);
    printf(" \"p50\": %.1f, \"p99\": %.1f, \"worst\": %.1f, \"pause\": %.1f}\n",
           times[last / 2] / 1e3, times[last * 99 / 100] / 1e3, times[last] / 1e3,
           (double)longest_pause / 1e3);
}

int main(int count, char **words)
{
    if (count != 8) {
        fprintf(stderr, "usage: dns_flood flood|pace|until PORT FILE FIRST UNIQUE SECONDS NUMBER\n");
        return 2;
    }
    read_questions(words[3]);
    open_socket(atoi(words[2]));
    following = (size_t)atol(words[4]);
    unique = (uint32_t)atol(words[5]);
    double seconds = atof(words[6]);
    int number = atoi(words[7]);
    if (!strcmp(words[1], "pace"))
        most_times = (size_t)(seconds * number) + 1;
    times = calloc(most_times + 1, sizeof *times);
    uint64_t begin = last_came = now(), end = begin + (uint64_t)(seconds * 1e9);
    if (!strcmp(words[1], "flood"))
        flood(end, number);
    else if (!strcmp(words[1], "pace"))
        pace(begin, end, number);
    else
        until(end);
    for (int i = 0; i < IDS; i++)
        lost += flights[i].waiting;
    print_result(begin);
    return 0;
}
