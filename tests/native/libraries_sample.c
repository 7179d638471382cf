/* A small shared library for libraries.c: of each kind of symbol one. */
int sample_function(void) { return 1; }
int sample_data = 2;
__attribute__((weak)) int sample_weak(void) { return 3; }
__thread int sample_thread_local = 4;
static int hidden(void) { return 5; }
__attribute__((visibility("hidden"))) int sample_hidden(void) { return hidden(); }
extern int sample_undefined(void);
int sample_user(void) { return sample_hidden() + sample_undefined() + sample_thread_local; }
/* Only who asks for version V1 gets it; V2 is the default of the other. */
int sample_old(void) { return 6; }
__asm__(".symver sample_old, sample_retired@V1");
int sample_new(void) { return 7; }
__asm__(".symver sample_new, sample_versioned@@V2");
