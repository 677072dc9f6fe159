# Goal of this test: twice the cells take about twice as long, never four times:
# a null fill that was quadratic is how an outage began.  deploy/bench/doubling.sh
# measures each doubling; here, where other tests run beside, five in a row are
# held to what five of 2.2 make.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'doubling');
$tally->start_postgres;
$tally->psql(<<'SQL');
CREATE TABLE ev AS SELECT timestamptz '2025-01-01Z' + i * interval '3 min' AS at, i AS n FROM generate_series(0, 9999) i;
ANALYZE ev;
CREATE VIEW few AS SELECT at, n % 40 AS k FROM ev;
CREATE VIEW many AS SELECT at, n % 1280 AS k FROM ev;
SQL

my $limit = 2.2**5;

# Processor time of the backend, in ns: what else runs here does not show.
my $cpu = "SELECT 'cpu ' || split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);";
my $series = "'at', '15 min', daterange '[2025-01-01,2025-01-22)'";
my %forms = (
	'rows' => "SELECT count(*) FROM tally.series('%s', $series, group_by => '{k}') AS t(b timestamptz, k int, n bigint)",
	'filled rows' => "SELECT count(*) FROM tally.series('%s', $series, group_by => '{k}', fill => '\"previous\"') AS t(b timestamptz, k int, n bigint)",
	'JSON' => "SELECT sum(length(j)) FROM tally.series_json_rows('%s', $series, group_by => '{k}') j",
	'two-step' => "SELECT sum(r.n) FROM (SELECT k, tally.count(tally.grid('15 min', daterange '[2025-01-01,2025-01-22)', 'UTC'), at) AS s FROM %s GROUP BY k) x, LATERAL tally.rows(s, 'linear') r",
);
for my $what (sort keys %forms)
{
	my %best;
	for my $round (1 .. 3)
	{
		for my $of ('few', 'many')
		{
			my $out = $tally->psql("SET timezone = 'UTC'; SET jit = off; SET max_parallel_workers_per_gather = 0;\n$cpu\n"
				. sprintf($forms{$what}, $of) . ";\n$cpu\n");
			my @ns = $out =~ /^cpu (\d+)/mg;
			my $ms = ($ns[1] - $ns[0]) / 1e6;
			$best{$of} = $ms if !defined $best{$of} || $ms < $best{$of};
		}
	}
	my $ratio = $best{many} / $best{few};
	cmp_ok($ratio, '<=', $limit, sprintf('%s: 32 times the groups, %.1f times as long', $what, $ratio));
}

done_testing();
