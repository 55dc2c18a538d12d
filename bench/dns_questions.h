/*
 * What dns_flood asks, and whether an answer is right.
 *
 * The file of questions has for each, in the machine's byte order: u16 length of the query, u8
 * length of an address, u8 number of addresses; then the query (its ID is the client's to choose)
 * and the addresses.
 *
 * An answer is right if it has QR set, no error, the question letter for letter as it was asked,
 * and, as its first record, one of those addresses, of the type asked for, owned by the question's
 * name (a pointer to it, as all servers write it).
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 576, HEADER = 12, DIGITS = 8, RECORD = 12, FIXED = 4 };

struct question {
    const unsigned char *query, *addresses;
    uint16_t length;
    uint8_t size, choices;
};

static struct question *questions;
static size_t asked_of;

static void give_up(const char *what)
{
    perror(what);
    exit(2);
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
        q->size = at[2], q->choices = at[3];
        q->query = at + FIXED;
        q->addresses = q->query + q->length;
        at = q->addresses + (size_t)q->size * q->choices;
        if (at > end || q->length < HEADER + DIGITS || q->length > LONGEST)
            give_up("not a file of questions");
    }
    close(file);
}

/* Write a number over the beginning of a query's name. */
static void write_number(unsigned char *query, uint32_t number)
{
    for (int i = DIGITS; i > 0; i--, number >>= 4)
        query[HEADER + i] = "0123456789abcdef"[number & 15];
}

/* Which of the expected addresses the answer gives, -1: it is wrong. */
static int judge(const unsigned char *answer, size_t size, const struct question *q,
                 uint32_t number)
{
    unsigned char expected[LONGEST];
    size_t end = HEADER;
    while (q->query[end])
        end += q->query[end] + 1u;
    end += 5;
    memcpy(expected, q->query, end);
    if (number)
        write_number(expected, number);
    if (size < end || !(answer[2] & 0x80) || answer[3] & 15 ||
        memcmp(answer + HEADER, expected + HEADER, end - HEADER))
        return -1;
    const unsigned char *record = answer + end;
    if (size < end + RECORD + q->size || record[0] != 0xc0 || record[1] != HEADER ||
        memcmp(record + 2, q->query + end - 4, 4) || record[11] != q->size)
        return -1;
    for (int i = 0; i < q->choices; i++)
        if (memcmp(record + RECORD, q->addresses + i * q->size, q->size) == 0)
            return i;
    return -1;
}
