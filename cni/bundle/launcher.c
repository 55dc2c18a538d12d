/* The program of the bundle: it starts the interpreter beside it, shut off from the caller.
 *
 * It is static, so it needs nothing of the machine; FOLDER, LOADER and PYTHON are given by the
 * builder.  It becomes
 *
 *     FOLDER/LOADER --inhibit-cache --library-path FOLDER/lib FOLDER/PYTHON
 *         -I -S -E -B -X utf8 -c BEGIN FOLDER NAME WORD...
 *
 * Where it lies is asked of the kernel: /proc/self/exe, and where /proc is not mounted, the path
 * that was executed (AT_EXECFN), with links resolved.  Only the folder part is used, so " (deleted)",
 * which the kernel appends when the launcher has just been replaced, does no harm.
 *
 * A container runtime passes its whole environment on.  What the loader, the C library or the
 * interpreter would obey is left out, as are locale and time zone, whose files would be sought
 * outside the folder.
 */
#include <elf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define FAILED 101
#define OPTIONS 14 /* words before those of the caller, and NULL */
#define BEGIN                                                                                      \
  "import sys;from marshal import loads;exec(loads(open(sys.argv[1]+'/start','rb').read()))"

extern char **environ;

static const char *const UNWANTED[] = {
  "PYTHON", "LD_",    "GLIBC_",     "GCONV_PATH=", "LC_",     "LANG=",  "LANGUAGE=",
  "LOCPATH", "NLSPATH", "MALLOC_", "TZ=",         "TZDIR=", "OPENSSL_", "SSL_CERT_",
};

/* Say what is wrong; to a container runtime as CNI's error object, which it looks for. */
static int fail(const char *why) {
  static const char *const person[] = {"kuma-cni: ", 0, "\n"};
  static const char *const runtime[] = {
    "{\"cniVersion\": \"1.0.0\", \"code\": 101, \"msg\": \"kuma-cni: ", 0, "\"}\n"};
  const char *const *said = getenv("CNI_COMMAND") ? runtime : person;
  for (int i = 0; i < 3; i++) {
    const char *piece = said[i] ? said[i] : why;
    if (write(said == runtime ? 1 : 2, piece, strlen(piece)) < 0) break;
  }
  return FAILED;
}

/* Find the folder of the launcher, with its closing slash; return its length, 0: unknown. */
static size_t find_here(char here[PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", here, PATH_MAX - 1);
  if (length <= 0) {
    const char *executed = (const char *)getauxval(AT_EXECFN);
    if (!executed || !realpath(executed, here)) return 0;
    length = (ssize_t)strlen(here);
  }
  while (length > 0 && here[length - 1] != '/') length--;
  here[length] = '\0';
  return (size_t)length;
}

static int is_unwanted(const char *variable) {
  for (size_t i = 0; i < sizeof UNWANTED / sizeof *UNWANTED; i++)
    if (!strncmp(variable, UNWANTED[i], strlen(UNWANTED[i]))) return 1;
  return 0;
}

static void put_environment(char **into) {
  for (char **from = environ; *from; from++)
    if (!is_unwanted(*from)) *into++ = *from;
  *into++ = "LC_ALL=C";
  *into++ = "TZ=UTC0";
  *into = NULL;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

int main(int count, char **words) {
  static char folder[PATH_MAX + sizeof FOLDER], library[PATH_MAX + 64], loader[PATH_MAX + 64],
      python[PATH_MAX + 64];
  size_t here = find_here(folder);
  if (!here) return fail("cannot tell where I am: /proc is not mounted and I have no path");
  if (strpbrk(folder, ":;$")) return fail("the loader cannot be told a path with : or ; or $");
  if (here + sizeof FOLDER + 64 > PATH_MAX) return fail("my path is too long");
  memcpy(folder + here, FOLDER, sizeof FOLDER);
  strcat(strcpy(library, folder), "/lib");
  strcat(strcpy(loader, folder), "/" LOADER);
  strcat(strcpy(python, folder), "/" PYTHON);

  size_t variables = 0;
  while (environ[variables]) variables++;
  char *environment[variables + 3];
  put_environment(environment);

  char *arguments[OPTIONS + count + 2];
  char *fixed[] = {loader, "--inhibit-cache", "--library-path", library, python, "-I", "-S", "-E",
                   "-B", "-X", "utf8", "-c", BEGIN, folder};
  memcpy(arguments, fixed, sizeof fixed);
  arguments[OPTIONS] = count > 0 ? (char *)base_name(words[0]) : "";
  for (int i = 1; i < count; i++) arguments[OPTIONS + i] = words[i];
  arguments[OPTIONS + (count > 0 ? count : 1)] = NULL;

  execve(loader, arguments, environment);
  return fail("cannot start the interpreter in the folder " FOLDER " beside me");
}
