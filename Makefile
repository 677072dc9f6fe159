# Tally: the one door.  The extension (PGXS) and the responders (plain make)
# have Makefiles of their own; this one only calls them.
#
#	make			build all
#	make install	the extension into PG_CONFIG's server, the programs into
#					PREFIX/bin; DESTDIR is honoured
#	make demo		deploy/demo.sh: from nothing to a chart
#	make check		deploy/check.sh: every test there is
#	make check-layers	who may include and call what
#	make format		clang-format over all C files
#	make fuzz		all of the next
#	make fuzz-engine N=20000	random specifications, Tally against plain SQL
#	make fuzz-http FUZZ_SECONDS=60	what reads bytes from outside, libFuzzer
#	make fuzz-parsers FUZZ_SECONDS=60	timeframes, filters, requests, libFuzzer
#	make bench		figures of this machine; see deploy/bench/README.md
#	make clean

PG_CONFIG ?= pg_config
PREFIX ?= /usr/local
CLANG_FORMAT ?= clang-format-14

SOURCES = $(shell find extension fcgi -name '*.[ch]' | sort)

all: extension fcgi

extension:
	+$(MAKE) -C extension all PG_CONFIG=$(PG_CONFIG)

fcgi:
	+$(MAKE) -C fcgi all PG_CONFIG=$(PG_CONFIG)

install:
	+$(MAKE) -C extension install PG_CONFIG=$(PG_CONFIG)
	+$(MAKE) -C fcgi install PG_CONFIG=$(PG_CONFIG) PREFIX=$(PREFIX)

demo:
	deploy/demo.sh

check:
	deploy/check.sh

check-layers:
	deploy/check-layers.sh

format:
	$(CLANG_FORMAT) -i $(SOURCES)

check-format:
	$(CLANG_FORMAT) --dry-run -Werror $(SOURCES)

# SEED runs the same ones again; it is printed.
N = 20000
fuzz-engine:
	PG_CONFIG=$(PG_CONFIG) TALLY_SPECS=$(N) $(if $(SEED),TALLY_SEED=$(SEED)) \
		prove -v extension/t/060_differential.pl

# libFuzzer, so many seconds a target.
FUZZ_SECONDS = 60
fuzz-http:
	+$(MAKE) -C fcgi fuzz PG_CONFIG=$(PG_CONFIG) FUZZ_SECONDS=$(FUZZ_SECONDS)

fuzz-parsers:
	+$(MAKE) -C extension/fuzz fuzz PG_CONFIG=$(PG_CONFIG) \
		FUZZ_SECONDS=$(FUZZ_SECONDS)

fuzz: fuzz-engine fuzz-http fuzz-parsers

bench:
	deploy/bench/http.sh
	deploy/bench/series.sh

clean:
	+$(MAKE) -C extension clean PG_CONFIG=$(PG_CONFIG)
	+$(MAKE) -C extension/unit clean
	+$(MAKE) -C fcgi clean

.PHONY: all extension fcgi install demo check check-layers format \
	check-format fuzz fuzz-engine fuzz-http fuzz-parsers bench clean
