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
			my $out = $tally->psql("SET timezone = 'UTC'; SET jit = off;\n\\timing on\n" . sprintf($forms{$what}, $of));
			my ($ms) = $out =~ /Time: ([\d.]+) ms/;
			$best{$of} = $ms if !defined $best{$of} || $ms < $best{$of};
		}
	}
	my $ratio = $best{many} / $best{few};
	cmp_ok($ratio, '<=', $limit, sprintf('%s: 32 times the groups, %.1f times as long', $what, $ratio));
}

done_testing();
