/* A stack machine with local variables, jumps, calls and an array, interpreted by a switch. A round runs
 * three programs given as byte code: a sieve, recursive Fibonacci numbers and the lengths of Collatz chains. */
#include "rounds.h"
#include <string.h>

enum opcode { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, HALVE, LESS, JUMP, JUMP_ZERO, CALL, RETURN, GET, SET, DUP, DROP, HALT };

enum { STACK = 4096, MEMORY = 8192, FRAMES = 512, LOCALS = 8 };

struct frame {
  const int *back;
  long locals[LOCALS];
};

struct machine {
  long stack[STACK];
  long memory[MEMORY];
  struct frame frames[FRAMES];
  uint64_t executed;
};

/* How many primes are below the argument. */
static const int sieve[] = {
    /*  0 */ STORE, 0, PUSH, 0, STORE, 2, PUSH, 2, STORE, 1,
    /* 10 */ LOAD, 1, LOAD, 0, LESS, JUMP_ZERO, 69,
    /* 17 */ LOAD, 1, GET, JUMP_ZERO, 31,
    /* 22 */ LOAD, 1, PUSH, 1, ADD, STORE, 1, JUMP, 10,
    /* 31 */ LOAD, 2, PUSH, 1, ADD, STORE, 2, LOAD, 1, LOAD, 1, ADD, STORE, 3,
    /* 45 */ LOAD, 3, LOAD, 0, LESS, JUMP_ZERO, 22,
    /* 52 */ LOAD, 3, PUSH, 1, SET, LOAD, 3, LOAD, 1, ADD, STORE, 3, JUMP, 45,
    /* 66 */ HALT, HALT, HALT,
    /* 69 */ LOAD, 2, HALT,
};

static const int fibonacci[] = {
    /*  0 */ CALL, 3, HALT,
    /*  3 */ STORE, 0, LOAD, 0, PUSH, 2, LESS, JUMP_ZERO, 15,
    /* 12 */ LOAD, 0, RETURN,
    /* 15 */ LOAD, 0, PUSH, 1, SUB, CALL, 3,
    /* 22 */ LOAD, 0, PUSH, 2, SUB, CALL, 3,
    /* 29 */ ADD, RETURN,
};

/* The longest chain of any start below the argument. */
static const int collatz[] = {
    /*  0 */ STORE, 0, PUSH, 0, STORE, 3, PUSH, 1, STORE, 1,
    /* 10 */ LOAD, 1, LOAD, 0, LESS, JUMP_ZERO, 92,
    /* 17 */ PUSH, 0, STORE, 4, LOAD, 1, STORE, 2,
    /* 25 */ PUSH, 1, LOAD, 2, LESS, JUMP_ZERO, 66,
    /* 32 */ LOAD, 4, PUSH, 1, ADD, STORE, 4,
    /* 39 */ LOAD, 2, PUSH, 2, MOD, JUMP_ZERO, 58,
    /* 46 */ LOAD, 2, PUSH, 3, MUL, PUSH, 1, ADD, STORE, 2, JUMP, 25,
    /* 58 */ LOAD, 2, HALVE, STORE, 2, JUMP, 25, HALT,
    /* 66 */ LOAD, 3, LOAD, 4, LESS, JUMP_ZERO, 77,
    /* 73 */ LOAD, 4, STORE, 3,
    /* 77 */ LOAD, 1, PUSH, 1, ADD, STORE, 1, JUMP, 10, HALT, HALT, HALT, HALT, HALT, HALT,
    /* 92 */ LOAD, 3, HALT,
};

long interpret(struct machine *machine, const int *code, long argument) {
  long *top = machine->stack;
  struct frame *frame = machine->frames;
  const int *at = code;
  uint64_t executed = 0;
  long right;
  *top = argument;
  for (;;) {
    executed++;
    switch ((enum opcode)*at++) {
    case PUSH:
      *++top = *at++;
      break;
    case LOAD:
      *++top = frame->locals[*at++];
      break;
    case STORE:
      frame->locals[*at++] = *top--;
      break;
    case ADD:
      right = *top--;
      *top += right;
      break;
    case SUB:
      right = *top--;
      *top -= right;
      break;
    case MUL:
      right = *top--;
      *top *= right;
      break;
    case MOD:
      right = *top--;
      *top %= right;
      break;
    case HALVE:
      *top >>= 1;
      break;
    case LESS:
      right = *top--;
      *top = *top < right;
      break;
    case JUMP:
      at = code + *at;
      break;
    case JUMP_ZERO:
      at = *top-- ? at + 1 : code + *at;
      break;
    case CALL:
      frame[1].back = at + 1;
      frame++;
      at = code + *at;
      break;
    case RETURN:
      at = frame->back;
      frame--;
      break;
    case GET:
      *top = machine->memory[*top];
      break;
    case SET:
      right = *top--;
      machine->memory[*top--] = right;
      break;
    case DUP:
      top[1] = *top;
      top++;
      break;
    case DROP:
      top--;
      break;
    case HALT:
      machine->executed += executed;
      return *top;
    }
  }
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 3000);
  long size = rounds_argument(argc, argv, 2, 2000);
  if (size > MEMORY)
    size = MEMORY;
  struct machine *machine = calloc(1, sizeof *machine);
  uint64_t checksum = 0;
  long primes = 0, fib = 0, chain = 0;
  do {
    memset(machine->memory, 0, sizeof machine->memory);
    primes = interpret(machine, sieve, size - rounds.done % 16);
    fib = interpret(machine, fibonacci, 16 + rounds.done % 3);
    chain = interpret(machine, collatz, size / 8);
    checksum = checksum * 31 + (uint64_t)(primes + fib + chain);
  } while (rounds_next(&rounds));
  printf("primes %ld fibonacci %ld chain %ld executed %llu checksum %016llx\n", primes, fib, chain,
         (unsigned long long)machine->executed, (unsigned long long)checksum);
  free(machine);
}
