# The whole way of the data, cell by cell: random events go in over HTTP, come
# out as series over HTTP and through tally.series() in SQL, and both are
# compared with what plain SQL makes of the same events in an ordinary table,
# which never were near Tally.
#
# The days are those around the end of summer time in Prague, and one browser
# is seen only once.  TALLY_SEED repeats a run.
#
# Measures no times.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use TallySeed qw(seed);
use TallyTest;
use Test::More;
use Time::Local qw(timegm);
use POSIX qw(strftime);

srand seed('events');

my $COUNT = 6000;
my $PER_BODY = 500;
my $ZONE = 'Europe/Prague';
my ($FIRST, $LAST, $END) = ('2026-10-22', '2026-10-27', '2026-10-28');

my $tally = TallyTest->new;
$tally->start_postgres;
my $project = $tally->create_project('series');
$tally->start_write;
$tally->start_read;
$tally->start_nginx;

#-----------------------------------------------------------------------------
# The events
#-----------------------------------------------------------------------------

sub pick { return $_[ rand @_ ] }

# From a day before the first until a day after the last: some are outside of
# what is asked for.
my $start = timegm(0, 0, 0, 21, 9, 2026);
my @events = map {
	my $ms = int(rand(8 * 86400 * 1000));
	my $event = {
		n => $_,
		user => { country => pick('CZ', 'DE', 'FR', undef) },
		keen => {
			timestamp => strftime('%Y-%m-%dT%H:%M:%S',
				gmtime($start + int($ms / 1000))) . sprintf('.%03dZ', $ms % 1000),
		},
	};
	my $browser = pick('Chrome', 'Chrome', 'Firefox', 'Safari', undef, '');
	$event->{browser} = $browser unless defined $browser && $browser eq '';
	$event->{amount} = int(rand 2001) - 1000 if rand() < 0.7;
	$event;
} 1 .. $COUNT;
$events[0]{browser} = 'only once';
$events[0]{keen}{timestamp} = '2026-10-25T12:00:00.000Z';

my $accepted = 0;
for (my $i = 0; $i < $COUNT; $i += $PER_BODY)
{
	my $r = $tally->http('POST', "/3.0/projects/$project->{project}/events",
		key => $project->{write_key},
		json => { orders => [ @events[ $i .. $i + $PER_BODY - 1 ] ] });
	$accepted += grep { $_->{success} } @{ $r->{json}{orders} };
}
is($accepted, $COUNT, 'all events are accepted');
ok(eval { $tally->wait_for_events($COUNT) }, '... and reach the database')
	or diag $@;

# null in COPY's text form
sub field { return defined $_[0] && $_[0] ne '' ? $_[0] : '\N' }

$tally->psql(
	"CREATE TABLE plain (at timestamptz, browser text, country text, amount int);\n"
	. "COPY plain FROM stdin;\n"
	. join('', map {
		join("\t", $_->{keen}{timestamp}, field($_->{browser}),
			field($_->{user}{country}), field($_->{amount})) . "\n"
	} @events)
	. "\\.\n");

# What tally.series() is asked about: the store's own rows.
$tally->psql(<<'SQL');
CREATE VIEW orders AS
SELECT e.at, e.properties ->> 'browser' AS browser,
    e.properties #>> '{user,country}' AS country,
    (e.properties ->> 'amount')::int AS amount
FROM tally_store.event e JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'orders';
SQL

#-----------------------------------------------------------------------------
# Three ways to the same cells: {bucket start in ms}|{group}|... => value
#-----------------------------------------------------------------------------

sub number { return defined $_[0] && $_[0] ne '' ? sprintf('%.9g', $_[0]) : 'null' }
sub group { return defined $_[0] && $_[0] ne '' ? $_[0] : '(null)' }

sub ms_of
{
	my ($y, $m, $d, $h, $min, $s, $ms) =
		$_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z$/
		or return "bad instant $_[0]";
	return timegm($s, $min, $h, $d, $m - 1, $y) * 1000 + $ms;
}

sub by_http
{
	my ($case) = @_;
	my %request = (
		event_collection => 'orders',
		timeframe => { start => $FIRST . 'T00:00:00', end => $END . 'T00:00:00' },
		timezone => $ZONE,
		interval => $case->{interval},
		%{ $case->{request} // {} });
	my @groups = map { { browser => 'browser', country => 'user.country' }->{$_} }
		@{ $case->{groups} };
	$request{group_by} = \@groups if @groups;
	$request{target_property} = 'amount' if $case->{analysis} ne 'count';

	my $r = $tally->query($project, $case->{analysis}, \%request);
	return { status => $r->{status}, $r->{content} => 1 }
		unless ref $r->{json} eq 'HASH' && ref $r->{json}{result} eq 'ARRAY';
	my %cells;
	for my $slice (@{ $r->{json}{result} })
	{
		my $bucket = ms_of($slice->{timeframe}{start});
		my $value = $slice->{value};
		for my $row (ref $value ? @$value : { result => $value })
		{
			my $key = join '|', $bucket, map { group($row->{$_}) } @groups;
			$cells{$key} = number($row->{result});
		}
	}
	return \%cells;
}

# cells_of(rows) -- of psql's rows: bucket in ms, groups, value
sub cells_of
{
	my %cells;
	for (split /\n/, $_[0])
	{
		my ($bucket, @rest) = split /\|/, $_, -1;
		my $value = pop @rest;
		$cells{ join '|', $bucket, map { group($_) } @rest } = number($value);
	}
	return \%cells;
}

my $MS = "(extract(epoch FROM %s) * 1000)::bigint";

sub by_series
{
	my ($case) = @_;
	my @groups = @{ $case->{groups} };
	my $measure = $case->{measure};
	return cells_of($tally->psql(
		'SELECT ' . join(', ', sprintf($MS, 'bucket'), @groups, 'v')
		. " FROM tally.series('orders', 'at', '$case->{every}',"
		. " daterange '[$FIRST,$END)', measures => '{$measure}',"
		. " group_by => '{" . join(',', @groups) . "}', tz => '$ZONE')"
		. ' AS t(' . join(', ', 'bucket timestamptz',
			(map { "$_ text" } @groups), "v $case->{type}") . ')'));
}

sub by_plain_sql
{
	my ($case) = @_;
	my @groups = @{ $case->{groups} };
	my $inside = "at >= timestamp '$FIRST' AT TIME ZONE '$ZONE'"
		. " AND at < timestamp '$END' AT TIME ZONE '$ZONE'"
		. ($case->{where} ? " AND $case->{where}" : '');
	my $same = join '', map { " AND p.$_ IS NOT DISTINCT FROM g.$_" } @groups;
	my $names = @groups ? join(', ', @groups) : '1 AS one';
	return cells_of($tally->psql(
		"WITH spine AS ($case->{spine}), g AS (SELECT DISTINCT $names FROM plain"
		. " WHERE $inside)"
		. ' SELECT ' . join(', ', sprintf($MS, 's.b'),
			(map { "g.$_" } @groups), $case->{sql})
		. ' FROM spine s CROSS JOIN g LEFT JOIN plain p ON p.at >= s.b'
		. " AND p.at < s.e AND p.$inside$same"
		. ' GROUP BY ' . join(', ', 's.b', map { "g.$_" } @groups)));
}

my $local_days = "SELECT d AT TIME ZONE '$ZONE' AS b,"
	. " (d + interval '1 day') AT TIME ZONE '$ZONE' AS e"
	. " FROM generate_series(timestamp '$FIRST', timestamp '$LAST', '1 day') d";
# Hours are hours of the clock on the wall: in the night of the change there
# are two from two to three.
my $hours = "SELECT b, b + interval '1 hour' AS e FROM generate_series("
	. "timestamp '$FIRST' AT TIME ZONE '$ZONE',"
	. " timestamp '$END' AT TIME ZONE '$ZONE' - interval '1 hour', '1 hour') b";

my @cases = (
	{
		title => 'a daily count by browser',
		analysis => 'count', interval => 'daily', groups => ['browser'],
		measure => 'count', every => '1 day', type => 'bigint',
		sql => 'count(p.at)', spine => $local_days,
	},
	{
		title => 'a daily average by country',
		analysis => 'average', interval => 'daily', groups => ['country'],
		measure => 'avg(amount)', every => '1 day', type => 'numeric',
		sql => 'avg(p.amount)', spine => $local_days,
	},
	{
		title => 'an hourly count by browser and country',
		analysis => 'count', interval => 'hourly',
		groups => [ 'browser', 'country' ],
		measure => 'count', every => '1 hour', type => 'bigint',
		sql => 'count(p.at)', spine => $hours,
	},
	{
		title => 'an hourly maximum',
		analysis => 'maximum', interval => 'hourly', groups => [],
		measure => 'max(amount)', every => '1 hour', type => 'int',
		sql => 'max(p.amount)', spine => $hours,
	},
	{
		title => 'a daily minimum by browser',
		analysis => 'minimum', interval => 'daily', groups => ['browser'],
		measure => 'min(amount)', every => '1 day', type => 'int',
		sql => 'min(p.amount)', spine => $local_days,
	},
);

# same_cells(title, got, expected) -- all of them; says which differ.
sub same_cells
{
	my ($title, $got, $expected) = @_;
	my @wrong = grep { ($got->{$_} // 'no cell') ne ($expected->{$_} // 'no cell') }
		sort keys %{ { %$got, %$expected } };
	ok(!@wrong && %$expected, "$title: " . keys(%$expected) . ' cells')
		or diag map {
			"$_: got " . ($got->{$_} // 'no cell')
				. ', expected ' . ($expected->{$_} // 'no cell') . "\n"
		} @wrong[ 0 .. ($#wrong > 9 ? 9 : $#wrong) ];
}

for my $case (@cases)
{
	my $expected = by_plain_sql($case);
	same_cells("$case->{title}, over HTTP", by_http($case), $expected);
	same_cells("$case->{title}, by tally.series", by_series($case), $expected);
}

my $expected = by_plain_sql($cases[0]);
is(scalar(grep { /only once/ } keys %$expected), 6,
	'the group that was seen once has a cell in each of the six days');
is(scalar(grep { /only once/ && $expected->{$_} == 1 } keys %$expected), 1,
	'... and is not empty in one of them');

# Over HTTP the sum of nothing is 0.
same_cells(
	'a daily sum by browser, over HTTP',
	by_http({ %{ $cases[4] }, analysis => 'sum' }),
	by_plain_sql({ %{ $cases[4] }, sql => 'coalesce(sum(p.amount), 0)' }));

# A filter, in the query and in plain SQL.
$expected = by_plain_sql({ %{ $cases[0] }, where => "amount >= 500" });
same_cells(
	'a filtered count, over HTTP',
	by_http({
		%{ $cases[0] },
		request => {
			filters => [ {
				property_name => 'amount', operator => 'gte',
				property_value => 500,
			} ],
		},
	}),
	$expected);

ok($tally->stop, 'all stops');
done_testing;
