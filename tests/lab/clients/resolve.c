/* Resolves names as programs do, by the C library it is linked with (glibc or musl).
 *
 *     resolve {WHAT SUBJECT}...
 *
 *     addresses|ipv4|ipv6 NAME    getaddrinfo(3)
 *     old|old4|old6 NAME          gethostbyname2(3)
 *     name ADDRESS                getnameinfo(3)
 *
 * Prints a line for each: the addresses or the name, "no such name", "no data" or "failure".
 */
#define _GNU_SOURCE /* EAI_NODATA */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int tell(const char *text)
{
    puts(text);
    return 0;
}

static int tell_error(int error)
{
    if (error == EAI_NONAME)
        return tell("no such name");
#ifdef EAI_NODATA
    if (error == EAI_NODATA)
        return tell("no data");
#endif
#ifdef EAI_ADDRFAMILY
    if (error == EAI_ADDRFAMILY)
        return tell("no data");
#endif
    return printf("failure: %s\n", gai_strerror(error)) < 0;
}

static void print_address(int family, const void *raw)
{
    char text[INET6_ADDRSTRLEN];
    printf("%s ", inet_ntop(family, raw, text, sizeof text));
}

static int addresses(const char *name, int family)
{
    struct addrinfo wish = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(name, NULL, &wish, &found);
    if (error)
        return tell_error(error);
    for (; found; found = found->ai_next) {
        if (found->ai_family == AF_INET)
            print_address(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr);
        else
            print_address(AF_INET6, &((struct sockaddr_in6 *)found->ai_addr)->sin6_addr);
    }
    return tell("");
}

/* Print the addresses of a family; return 0, or what h_errno says. */
static int old_way(const char *name, int family)
{
    struct hostent *found = gethostbyname2(name, family);
    if (!found)
        return h_errno;
    for (char **address = found->h_addr_list; *address; address++)
        print_address(family, *address);
    return 0;
}

static int addresses_the_old_way(const char *name, int one, int other)
{
    int error = old_way(name, one);
    if (other != one && !old_way(name, other))
        error = 0;
    if (error == HOST_NOT_FOUND)
        return tell("no such name");
    return tell(error == NO_DATA ? "no data" : error ? "failure" : "");
}

static int name_of(const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } peer = {0};
    socklen_t size = sizeof peer.ipv4;
    char name[NI_MAXHOST];
    if (inet_pton(AF_INET, address, &peer.ipv4.sin_addr) == 1) {
        peer.any.sa_family = AF_INET;
    } else {
        inet_pton(AF_INET6, address, &peer.ipv6.sin6_addr);
        peer.any.sa_family = AF_INET6;
        size = sizeof peer.ipv6;
    }
    int error = getnameinfo(&peer.any, size, name, sizeof name, NULL, 0, NI_NAMEREQD);
    return error ? tell_error(error) : tell(name);
}

static int resolve(const char *what, const char *subject)
{
    if (!strcmp(what, "addresses"))
        return addresses(subject, AF_UNSPEC);
    if (!strcmp(what, "ipv4"))
        return addresses(subject, AF_INET);
    if (!strcmp(what, "ipv6"))
        return addresses(subject, AF_INET6);
    if (!strcmp(what, "old4"))
        return addresses_the_old_way(subject, AF_INET, AF_INET);
    if (!strcmp(what, "old6"))
        return addresses_the_old_way(subject, AF_INET6, AF_INET6);
    if (!strcmp(what, "old"))
        return addresses_the_old_way(subject, AF_INET, AF_INET6);
    return strcmp(what, "name") ? 2 : name_of(subject);
}

int main(int count, char **words)
{
    int failed = 0;
    for (int i = 1; i + 1 < count; i += 2)
        failed |= resolve(words[i], words[i + 1]);
    return failed;
}
