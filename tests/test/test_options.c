/* SPDX-License-Identifier: MIT */
/*
 * test/test_options.c - what each option is called and does
 */
#include <string.h>

#include "test/options.h"
#include "test/subrun.h"

#define CATALOG SPECIMEN("catalog")

TEST(help_tells_every_option, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--help", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.errors, "");
    CHECK_CONTAINS(run.output, "usage: " CATALOG " [options] [PATTERN...]\n");
    CHECK_CONTAINS(run.output, "BELAY_TEST_ARGS");
    CHECK_CONTAINS(run.output, "Exit status: 0 all passed");
    for (size_t i = 0; i < BL__OPTION_SECTIONS; i++) {
        const struct bl__option_section *section = &bl__option_sections[i];
        CHECK_CONTAINS(run.output, section->heading);
        for (size_t j = 0; j < section->count; j++) {
            T_INFO("option %s", section->options[j].name);
            if (section->options[j].help == NULL) continue;
            CHECK_CONTAINS(run.output, section->options[j].help);
        }
    }
    subrun_done(&run);
}

TEST(help_fits_a_terminal, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "-h", NULL);
    const char *line = strchr(run.output, '\n'); /* the name may be long */
    bool is_example = true;
    while (line != NULL && *++line != '\0') {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, "A PATTERN", 9) == 0) is_example = false;
        if (!is_example) CHECK_LE(length, 80);
        line = strchr(line, '\n');
    }
    subrun_done(&run);
}

TEST(version_is_that_of_the_library, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--version", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output, "belay-test " BL_VERSION "\n");
    subrun_done(&run);
}

/* Runs with one wrong word, and looks for what is said about it. */
static void check_refused(const char *word, const char *said) {
    struct subrun run = subrun_run_apart(CATALOG, word, NULL);
    CHECK_EQ(run.status, 4);
    CHECK_STR(run.output, "");
    CHECK_CONTAINS(run.errors, said);
    subrun_done(&run);
}

TEST(what_is_wrong_is_said_with_a_way_out, .no_loop = true) {
    check_refused("--versoin", "no option is called --versoin; "
                               "did you mean --version?\n");
    check_refused("--junitt=x", "did you mean --junit?\n");
    check_refused("--quality", "no option is called --quality; try --help\n");
    check_refused("-Z", "no option is called -Z; try --help\n");
    check_refused("--clock=sundial",
                  "--clock cannot be 'sundial'; it takes virtual|real\n");
    check_refused("--maxfail", "--maxfail needs a value: N\n");
    check_refused("--lf=yes", "--lf takes no value\n");
    check_refused("-kecho and", "-k 'echo and': a word or '(' is missing at "
                                "the end\n");
    check_refused("ecoes", "no test is called 'ecoes'; did you mean "
                           "'echoes'?\n");
    check_refused("test_eco.c", "did you mean 'test_echo.c'?\n");
    check_refused("test_pool.c::loose", "did you mean 'test_pool.c::loses'?\n");
    check_refused("quantum", "no test is called 'quantum'; try --list\n");
}

TEST(the_clock_of_all_can_be_real, .no_loop = true) {
    struct subrun run =
        subrun_run(CATALOG, "-v", "--clock=real", "fires", "keeps", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, ", clock=real,");
    CHECK_EQ(subrun_count(&run, " virtual"), 0);
    subrun_done(&run);
}
