# check-layers.sh finds what it is there for: a small tree that keeps all the
# rules passes, and each rule, broken by one line, is reported with that line.
#
# Measures no times.
use strict;
use warnings;
use FindBin;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IPC::Run ();
use Test::More;

my $script = "$FindBin::Bin/../check-layers.sh";

my %good = (
	'fcgi/db.c' => "#include <libpq-fe.h>\n/* PQexec, FCGX_Accept */\n",
	'fcgi/stmts.c' => "\"SELECT tally.query(\$1)\"\n",
	'fcgi/worker.c' => "#include <fcgiapp.h>\n",
	'fcgi/h_query.c' => "#include \"../extension/contract.h\"\n",
	'fcgi/spool.c' => "#include \"../extension/wire/frame.h\"\n",
	'extension/contract.h' => "#define X 1\n",
	'extension/wire/frame.h' => "",
	'extension/wire/frame.c' => "#include \"frame.h\"\n",
	'extension/time/grid.c' =>
		"ereport(ERROR,\n\t\t(errcode(ERRCODE_DATA_EXCEPTION),\n\t\t x));\n",
	'extension/series/panel/panel.c' => "#include \"time/grid.h\"\n",
	'extension/series/run/run.c' => "#include \"series/panel/panel.h\"\n",
	'extension/series/two_step/agg.c' =>
		"#include \"series/panel/panel.h\"\n",
	'extension/measure/sum.c' => "#include \"series/panel/panel.h\"\n",
	'extension/Makefile' => "REGRESS = \\\n\tsetup \\\n\tgrid\n",
	'sql/setup.sql' => '',
	'expected/setup.out' => '',
);

# check(files) -- (exit status, what was said) about a tree of these files.
sub check
{
	my (%files) = @_;
	my $dir = tempdir(CLEANUP => 1);
	for my $path (keys %files)
	{
		make_path(dirname("$dir/$path"));
		open my $fh, '>', "$dir/$path" or die "$path: $!";
		print $fh $files{$path};
		close $fh;
	}
	my $out = '';
	IPC::Run::run([ $script, $dir ], '<', \undef, '>&', \$out);
	return ($? >> 8, $out);
}

my ($status, $out) = check(%good);
is($status, 0, 'a tree that keeps the rules passes') or diag $out;

# [title, file, what is added to it, what must be said]
my @broken = (
	[ 'a responder includes the extension', 'fcgi/spool.c',
		'#include "../extension/guc.h"', 'contract.h and wire/' ],
	[ 'the extension includes a responder', 'extension/time/grid.c',
		'#include "../../fcgi/buf.h"', 'nothing of the responders' ],
	[ 'wire/ includes the server', 'extension/wire/frame.c',
		'#include "postgres.h"', 'compiled into both halves' ],
	[ 'a core includes another', 'extension/time/grid.c',
		'#include "series/panel/panel.h"', 'extension/time/' ],
	[ 'a room of the series includes another core',
		'extension/series/run/run.c',
		'#include "store/batch.h"', 'extension/series/ includes' ],
	[ 'a core looks into a panel', 'extension/measure/sum.c',
		'#include "series/panel/panel_internal.h"', 'extension/measure/' ],
	[ 'a room looks into a panel', 'extension/series/run/run.c',
		'#include "series/panel/panel_internal.h"', 'look into a panel' ],
	[ 'the lowest room includes another', 'extension/series/panel/panel.c',
		'#include "series/collect/collect.h"', 'extension/series/panel/' ],
	[ 'a room includes one that builds on it', 'extension/series/run/run.c',
		'#include "series/show/rows.h"', 'extension/series/run/' ],
	[ 'a room includes one that stands apart',
		'extension/series/two_step/agg.c',
		'#include "series/run/run.h"', 'extension/series/two_step/' ],
	[ 'SQL in a handler', 'fcgi/h_query.c',
		'run("SELECT 1");', 'all SQL is in stmts.c' ],
	[ 'libpq in a handler', 'fcgi/h_query.c',
		'PQexec(conn, text);', 'libpq is known' ],
	[ 'libfcgi in a handler', 'fcgi/h_query.c',
		'FCGX_PutS("x", out);', 'libfcgi is known' ],
	[ 'the spool knows the database', 'fcgi/spool.c',
		'#include "db.h"', 'does not know the database' ],
	[ 'a banned call', 'fcgi/h_query.c', 'strcpy(a, b);', 'banned' ],
	[ 'a banned call in the extension', 'extension/time/grid.c',
		'sprintf(a, b);', 'banned' ],
	[ 'an error without a code', 'extension/time/grid.c',
		"ereport(ERROR,\n\t\t(errmsg(\"x\")));\n\n", 'has an errcode' ],
	[ 'deploy/ is included', 'fcgi/h_query.c',
		'#include "../deploy/x.h"', 'nothing knows deploy' ],
	[ 'a long file', 'fcgi/h_query.c', "x;\n" x 601, '600 lines' ],
);
for (@broken)
{
	my ($title, $file, $line, $said) = @$_;
	my ($status, $out) = check(%good, $file => "$good{$file}$line\n");
	is($status, 1, "$title: is an error");
	like($out, qr/\Q$said/, "$title: says which rule");
	like($out, qr/\Q$file/, "$title: says where");
}

($status, $out) = check(%good, 'sql/lost.sql' => '', 'expected/lost.out' => '');
is($status, 1, 'a test that is not run: is an error');
like($out, qr/sql\/lost\.sql is not in REGRESS/, '... and is named');

for my $lost (qw(extension/series/lost.c extension/series/new_room/lost.c))
{
	($status, $out) = check(%good, $lost => '');
	is($status, 1, "a file of the series in no room: is an error, $lost");
	like($out, qr/is in a room: .*\n\Q$lost\E\n/, '... and is named');
}

done_testing;
