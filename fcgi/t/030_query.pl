# Queries over HTTP on the real extension: the bytes are those of SQL, and
# every cell is what plain SQL counts.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'query');
$tally->start_postgres;
my $p = $tally->create_project('shop');
my $other = $tally->create_project('other');

# 10,000 events in 30 days of March 2024, 7 browsers and some without one; the
# same again, times 1,000, in another project's collection of the same name.
$tally->psql(<<"SQL");
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'visits' FROM tally_store.project;
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, '2024-03-01'::timestamptz + i * interval '259 s',
       '2024-04-01', CASE WHEN i % 11 = 0 THEN '{}'::jsonb ELSE
       jsonb_build_object('browser', 'b' || i % 7) END
       || jsonb_build_object('ms',
            (i * 7919 % 1000) * CASE WHEN p.id = '$p->{project}' THEN 1
                                     ELSE 1000 END)
FROM generate_series(0, 9999) i, tally_store.project p
JOIN tally_store.collection c USING (project_id);
SQL

$tally->start_read(key_refresh_ms => 200);
$tally->start_nginx;
my $base = "/3.0/projects/$p->{project}/queries";
$tally->wait_until('the keys',
	sub { $tally->http('GET', $base, key => $p->{read_key})->{status} != 503 });

my %of = (
	event_collection => 'visits', target_property => 'ms',
	timeframe => { start => '2024-03-01T00:00:00Z',
		end => '2024-03-31T00:00:00Z' });

# in_sql(analysis, request, pretty) -- the answer without the responder.
sub in_sql
{
	my ($analysis, $request, $pretty) = @_;
	my $json = $tally->{json}->encode($request);
	$json =~ s/'/''/g;
	$pretty = $pretty ? 'true' : 'false';
	return $tally->psql("SELECT string_agg(t, '') FROM (SELECT tally.query("
			. "'$p->{project}', '$analysis', '$json', $pretty) t) x");
}

for my $analysis (qw(count sum minimum maximum average))
{
	for my $more (
		{},
		{ interval => 'daily' },
		{ group_by => 'browser' },
		{ interval => 'weekly', group_by => [ 'browser', 'ms' ],
			timezone => 'Europe/Prague',
			filters => [ { property_name => 'ms', operator => 'lt',
				property_value => 30 } ] })
	{
		my $request = { %of, %$more };
		my $r = $tally->query($p, $analysis, $request);
		is($r->{status}, 200, "$analysis, " . join ' ', sort keys %$more);
		is($r->{content}, in_sql($analysis, $request), 'as in SQL');
	}
}

my $request = { %of, interval => 'daily', group_by => 'browser' };
my $r = $tally->http('POST', "$base/count?pretty=true", key => $p->{read_key},
	json => $request);
is($r->{content}, in_sql('count', $request, 1), 'pretty, as in SQL');

# Every cell against plain SQL: also those where nothing happened.
my %want;
for my $row (split /\n/, $tally->psql(<<"SQL"))
SELECT to_char(e.at, 'YYYY-MM-DD'), coalesce(e.properties->>'browser', '-'),
       count(*)
FROM tally_store.event e JOIN tally_store.collection USING (collection_id)
JOIN tally_store.project p USING (project_id)
WHERE p.id = '$p->{project}'
  AND e.at >= '2024-03-01' AND e.at < '2024-03-31'
GROUP BY 1, 2
SQL
{
	my ($day, $browser, $n) = split /\|/, $row;
	$want{"$day $browser"} = $n;
}
$r = $tally->query($p, 'count', $request);
my ($cells, $wrong) = (0, 0);
for my $bucket (@{ $r->{json}{result} })
{
	my $day = substr $bucket->{timeframe}{start}, 0, 10;
	for my $group (@{ $bucket->{value} })
	{
		my $n = delete $want{"$day " . ($group->{browser} // '-')} // 0;
		$cells++;
		$wrong++ if $n != $group->{result};
	}
}
is($cells, 30 * 8, 'every bucket has every group');
is($wrong, 0, 'and every cell is right');
is_deeply(\%want, {}, 'and nothing is left over');

# GET with the same parameters.
my %get = (event_collection => 'visits', interval => 'daily',
	timeframe => '%7B%22start%22%3A%222024-03-01T00%3A00%3A00Z%22%2C'
		. '%22end%22%3A%222024-03-31T00%3A00%3A00Z%22%7D',
	group_by => 'browser', timezone => '3600');
$r = $tally->http('GET',
	"$base/count?" . join('&', map { "$_=$get{$_}" } sort keys %get),
	key => $p->{read_key});
is($r->{content},
	in_sql('count', { event_collection => 'visits', interval => 'daily',
		timeframe => $of{timeframe}, group_by => 'browser',
		timezone => 3600 }),
	'by GET, with a zone in seconds');

# What the database does not take says so in the client's words.
for my $case (
	[ 'mode', {}, 400, 'InvalidParameterError', qr/mode/ ],
	[ 'count', { interval => 'sometimes' }, 400, 'InvalidParameterError',
		qr/sometimes/ ],
	[ 'count', { timeframe => 'this_lots' }, 400, 'TimeframeDefinitionError',
		qr/this_lots/ ],
	[ 'count', { timeframe => { start => '2024-03-02', end => '2024-03-01' } },
		400, 'TimeframeDefinitionError', qr/./ ],
	[ 'count', { timezone => 'Mars/Olympus' }, 400, 'InvalidParameterError',
		qr/Mars/ ],
	[ 'count', { filters => [ { property_name => 'ms', operator => 'like',
		property_value => 1 } ] }, 400, 'InvalidParameterError', qr/like/ ],
	[ 'count', { filters => 'x' }, 400, 'InvalidParameterError', qr/filter/i ],
	[ 'count', { event_collection => 'nowhere' }, 404,
		'ResourceNotFoundError', qr/nowhere/ ],
	[ 'count', { event_collection => undef }, 400,
		'MissingRequiredRequestFieldError', qr/event_collection/ ],
	[ 'sum', { target_property => undef }, 400,
		'MissingRequiredRequestFieldError', qr/target_property/ ],
	[ 'count', { timeframe => undef }, 400,
		'MissingRequiredRequestFieldError', qr/timeframe/ ],
	[ 'count', { interval => 'minutely', timeframe => {
		start => '2024-01-01', end => '2024-06-01' } }, 400,
		'QueryTooLargeError', qr/\d.*bucket|bucket.*\d/i ])
{
	my ($analysis, $more, $status, $code, $like) = @$case;
	my $request = { %of, %$more };
	defined $request->{$_} or delete $request->{$_} for keys %$request;
	$r = $tally->query($p, $analysis, $request);
	my $what = $tally->{json}->encode($more);
	is("$r->{status} $r->{json}{error_code}", "$status $code",
		"$analysis $what");
	like($r->{json}{message}, $like, 'which says what is wrong');
	unlike($r->{content}, qr/SELECT|tally_store|\.c\b/, 'and no more');
}

# Nothing of another project, by any way.
$r = $tally->query($p, 'maximum', \%of);
is($r->{json}{result}, 999, "another project's events are not seen");
$r = $tally->query($other, 'maximum', \%of);
is($r->{json}{result}, 999_000, 'but by its own key');

done_testing();
