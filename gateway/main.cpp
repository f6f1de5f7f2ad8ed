#include "gateway/program.h"

int main(int argc, char** argv) {
    return sdg::gateway::run_program(argc, argv);
}
