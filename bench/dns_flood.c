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
 * An answer is right if it has QR set, the code expected, our question letter for letter and, as
 * its first record, one of the addresses expected, of the right type.  "wrong" counts the others,
 * "lost" the questions that nothing came back for within GRACE after the end, "turned" how often
 * another one of the expected addresses came than before (the server's table was replaced).
 *
 * The file: for each question, in the machine's byte order, u16 length of the query, u8 code
 * expected, u8 length of an address (4, 16; 0: not looked at), u8 number of addresses; then the
 * query as it is sent (its ID is ours to choose), then the addresses.
 *
 * The result is one JSON object on standard output, times in microseconds.  Linux only
 * (sendmmsg(2), recvmmsg(2)); the server is at 127.0.0.1.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, LONGEST = 2048, IDS = 65536, HEADER = 12, DIGITS = 8, RECORD = 12, FIXED = 5 };
static const uint64_t SECOND = 1000000000, GRACE = 1000000000, AGAIN = 2000000;

struct question {
    const unsigned char *query, *addresses;
    uint16_t length;
    uint8_t code, size, choices;
};

struct flight { /* what was sent under an ID */
    const struct question *question;
    uint64_t due;
    uint32_t number;
    bool waiting;
};

static struct question *questions;
static size_t asked_of, following;
static uint32_t unique;
static struct flight flights[IDS];
static uint16_t next_id;
static int server;

static uint64_t sent, answered, wrong, lost, turned;
static uint64_t last_came, worst, worst_came, longest_pause; /* nanoseconds */
static uint32_t *times; /* nanoseconds, one for each right answer of pace */
static size_t most_times;
static int last_choice = -1;

static unsigned char outgoing[BATCH][LONGEST], incoming[BATCH][LONGEST];
static struct iovec outgoing_parts[BATCH], incoming_parts[BATCH];
static struct mmsghdr outgoing_heads[BATCH], incoming_heads[BATCH];

static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void read_questions(const char *path)
{
    struct stat about;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &about) < 0)
        give_up(path);
    size_t size = (size_t)about.st_size, room = 0;
    const unsigned char *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (at == MAP_FAILED)
        give_up("mmap");
    for (const unsigned char *end = at + size; at < end;) {
        if (asked_of == room) {
            room = room ? 2 * room : 65536;
            questions = realloc(questions, room * sizeof *questions);
            if (!questions)
                give_up("realloc");
        }
        struct question *q = &questions[asked_of++];
        memcpy(&q->length, at, 2);
        q->code = at[2], q->size = at[3], q->choices = at[4];
        q->query = at + FIXED;
        q->addresses = q->query + q->length;
        at = q->addresses + (size_t)q->size * q->choices;
        if (at > end || q->length < HEADER + DIGITS || q->length > LONGEST)
            give_up("not a file of questions");
    }
    close(file);
}

static void open_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int room = 8 << 20;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_DGRAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) < 0)
        give_up("socket");
    setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    for (int i = 0; i < BATCH; i++) {
        outgoing_parts[i].iov_base = outgoing[i];
        outgoing_heads[i].msg_hdr = (struct msghdr){.msg_iov = &outgoing_parts[i], .msg_iovlen = 1};
        incoming_parts[i] = (struct iovec){incoming[i], LONGEST};
        incoming_heads[i].msg_hdr = (struct msghdr){.msg_iov = &incoming_parts[i], .msg_iovlen = 1};
    }
}

static void write_number(unsigned char *to, uint32_t number)
{
    for (int i = DIGITS - 1; i >= 0; i--, number >>= 4)
        to[i] = "0123456789abcdef"[number & 15];
}

/* Put the next question into the batch of those that leave. */
static void prepare(int place, uint64_t due)
{
    const struct question *q = &questions[following];
    struct flight *flight = &flights[next_id];
    following = following + 1 == asked_of ? 0 : following + 1;
    lost += flight->waiting; /* its ID has come round again */
    *flight = (struct flight){q, due, unique, true};
    memcpy(outgoing[place], q->query, q->length);
    memcpy(outgoing[place], &next_id, 2);
    if (unique)
        write_number(outgoing[place] + HEADER + 1, unique++);
    outgoing_parts[place].iov_len = q->length;
    next_id++;
}

/* Send a batch; a server that is not there (yet) refuses, and its questions are lost. */
static void send_batch(int count)
{
    for (int done = 0; done < count;) {
        int left = sendmmsg(server, outgoing_heads + done, (unsigned)(count - done), 0);
        if (left < 0 && errno != ECONNREFUSED && errno != EINTR)
            give_up("sendmmsg");
        done += left > 0 ? left : errno == ECONNREFUSED;
    }
    sent += (uint64_t)count;
}

/* Which of the expected addresses the answer gives, 0 if none is looked at, -1: it is wrong. */
static int judge(const struct flight *flight, unsigned char *answer, size_t size)
{
    const struct question *q = flight->question;
    unsigned char expected[LONGEST];
    size_t end = HEADER;
    while (q->query[end])
        end += q->query[end] + 1u;
    end += 5;
    memcpy(expected, q->query, end);
    if (unique)
        write_number(expected + HEADER + 1, flight->number);
    if (size < end || !(answer[2] & 0x80) || (answer[3] & 15) != q->code)
        return -1;
    if (memcmp(answer + HEADER, expected + HEADER, end - HEADER) != 0)
        return -1;
    if (q->size == 0)
        return 0;
    const unsigned char *record = answer + end;
    if (size < end + RECORD + q->size || record[0] != 0xc0 || record[1] != HEADER)
        return -1;
    if (memcmp(record + 2, q->query + end - 4, 4) != 0 || record[11] != q->size)
        return -1;
    for (int i = 0; i < q->choices; i++)
        if (memcmp(record + RECORD, q->addresses + i * q->size, q->size) == 0)
            return i;
    return -1;
}

static void take(unsigned char *answer, size_t size)
{
    uint16_t id;
    memcpy(&id, answer, 2);
    int choice = size >= HEADER && flights[id].waiting ? judge(&flights[id], answer, size) : -1;
    flights[id].waiting = false;
    if (choice < 0) {
        wrong++;
        return;
    }
    turned += last_choice >= 0 && choice != last_choice;
    last_choice = choice;
    uint64_t took = last_came - flights[id].due;
    if (took > worst)
        worst = took, worst_came = last_came;
    if (answered < most_times)
        times[answered] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    answered++;
}

/* Take what is there; return how much it was. */
static int receive(int flags)
{
    int count = recvmmsg(server, incoming_heads, BATCH, flags, NULL);
    if (count > 0)
        last_came = now();
    for (int i = 0; i < count; i++)
        take(incoming[i], incoming_heads[i].msg_len);
    return count > 0 ? count : 0;
}

static void flood(uint64_t end, int window)
{
    struct timeval patience = {.tv_usec = 100000};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int open = window; open > 0;) {
        int count = open < BATCH ? open : BATCH;
        for (int i = 0; i < count; i++)
            prepare(i, 0);
        send_batch(count);
        open -= count;
        while (open == 0 && now() < end)
            open = receive(MSG_WAITFORONE);
    }
    while (receive(MSG_WAITFORONE))
        ;
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
        prepare(0, now());
        send_batch(1);
        if (poll(&readable, 1, AGAIN / 1000000) > 0)
            receive(MSG_DONTWAIT);
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
    printf(" \"p50\": %.1f, \"p99\": %.1f, \"worst\": %.1f, \"worst_at\": %.6f, \"pause\": %.1f}\n",
           times[last / 2] / 1e3, times[last * 99 / 100] / 1e3, (double)worst / 1e3,
           worst_came ? (double)(worst_came - begin) / 1e9 : 0, (double)longest_pause / 1e3);
}

int main(int count, char **words)
{
    if (count != 8) {
        fprintf(stderr, "usage: dns_flood flood|pace|until PORT FILE FIRST UNIQUE SECONDS NUMBER\n");
        return 2;
    }
    read_questions(words[3]);
    open_socket(atoi(words[2]));
    following = (size_t)atol(words[4]) % asked_of;
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
