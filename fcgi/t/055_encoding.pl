# Bodies that come compressed: taken as if they had come plain, and refused
# clearly when they are broken, unknown, or far larger than they look.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../../deploy/t/lib";

use IO::Compress::Gzip qw(gzip);
use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'encoding');
$tally->start_postgres;
my $p = $tally->create_project('one');
$tally->start_write(key_refresh_ms => 200, spool_reserve_mb => 0);
$tally->start_read(key_refresh_ms => 200);
$tally->start_nginx;

my $base = "/3.0/projects/$p->{project}/events";
$tally->wait_until('the keys',
	sub { $tally->http('POST', $base, key => $p->{write_key}, json => {})
			->{status} == 200 });

sub post
{
	my ($path, $encoding, $body) = @_;
	return $tally->http('POST', "$base$path", key => $p->{write_key},
		body => $body, headers => { 'Content-Encoding' => $encoding,
			'Content-Type' => 'application/json' });
}

sub gz { my ($text) = @_; gzip(\$text => \my $out); return $out }

# zstd(blocks) -- a frame of raw and run-length blocks: [text] or [char, n]
sub zstd
{
	my (@blocks) = @_;
	my $frame = "\x28\xb5\x2f\xfd\x00\x58";    # a window of 2 MB
	for my $i (0 .. $#blocks)
	{
		my ($text, $n) = @{ $blocks[$i] };
		my $head = (defined $n ? $n << 3 | 2 : length($text) << 3)
			| ($i == $#blocks ? 1 : 0);
		$frame .= substr(pack('V', $head), 0, 3) . $text;
	}
	return $frame;
}

sub refused
{
	my ($r, $status, $code, $like, $title) = @_;
	is("$r->{status} $r->{json}{error_code}", "$status $code", $title);
	like($r->{json}{message}, $like, '... and says why');
	return;
}

#-----------------------------------------------------------------------------
# What is right
#-----------------------------------------------------------------------------

my $event = '{"sku": "tea", "note": "' . 'x' x 1000 . '"}';
for my $case (
	[ 'gzip', gz($event) ], [ 'GZIP', gz($event) ], [ 'x-gzip', gz($event) ],
	[ 'zstd', zstd([$event]) ], [ 'identity', $event ], [ '', $event ],
	[ 'gzip', gz(substr $event, 0, 500) . gz(substr $event, 500) ],
	[ 'zstd', zstd([substr $event, 0, 9]) . zstd([substr $event, 9]) ])
{
	my $r = post('/plain', @$case);
	is("$r->{status} $r->{content}", '201 {"created":true}',
		"an event as \"$case->[0]\" of " . length($case->[1]) . ' bytes');
}
my $many = '{"bulk": [' . join(',', ($event) x 5000) . ']}';
my $r = post('', 'gzip', gz($many));
is(scalar @{ $r->{json}{bulk} }, 5000, '5 MB of events in a small body');
is($tally->http('POST', "$base/plain", key => $p->{write_key},
		body => gz(''), headers => { 'Content-Encoding' => 'gzip' })
		->{json}{error_code},
	'InvalidJSONError', 'nothing, compressed, is no event');

$tally->wait_until('all of them', sub { $tally->psql(<<'SQL') == 5008 });
SELECT count(*) FROM tally_store.event WHERE properties ->> 'sku' = 'tea'
	AND length(properties ->> 'note') = 1000
SQL
pass('all are stored as if they had come plain');

$r = $tally->http('POST', "/3.0/projects/$p->{project}/queries/count",
	key => $p->{read_key}, headers => { 'Content-Encoding' => 'gzip' },
	body => gz('{"event_collection": "plain", "timeframe": "this_1_days"}'));
is("$r->{status} $r->{json}{result}", '200 8', 'a query may be compressed too');

#-----------------------------------------------------------------------------
# What is not
#-----------------------------------------------------------------------------

my $gz = gz($event);
for my $case (
	[ 'gzip', $event, 'plain text' ],
	[ 'gzip', substr($gz, 0, -1), 'gzip without its last byte' ],
	[ 'gzip', substr($gz, 0, 12), 'gzip without its end' ],
	[ 'gzip', $gz . 'x', 'gzip with a byte behind it' ],
	[ 'gzip', $gz . $event, 'gzip with an event behind it' ],
	[ 'gzip', substr($gz, 0, -5) . "\0" . substr($gz, -4), 'a wrong checksum' ],
	[ 'gzip', zstd([$event]), 'zstd that is called gzip' ],
	[ 'zstd', $gz, 'gzip that is called zstd' ],
	[ 'zstd', substr(zstd([$event]), 0, -1), 'zstd without its last byte' ],
	[ 'zstd', zstd([$event]) . 'xyz', 'zstd with something behind it' ])
{
	my ($encoding, $body, $title) = @$case;
	refused(post('/bad', $encoding, $body), 400,
		'InvalidContentEncodingError', qr/cut short|behind/, $title);
}

for my $name ('br', 'deflate', 'gzip, zstd', 'x' x 2000)
{
	$r = post('/bad', $name, $event);
	refused($r, 415, 'UnsupportedContentEncodingError', qr/gzip, zstd/,
		'Content-Encoding: ' . substr($name, 0, 20));
	is($r->{headers}{'accept-encoding'}, 'gzip, zstd', '... and what is');
}

# Bombs: refused, and memory stays what it was.
sub peak_kb
{
	open my $fh, '<', '/proc/' . $tally->pid('write') . '/status' or die $!;
	return (map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$fh>)[0];
}
my $bomb = gz('{"c": [' . ' ' x 100_000_000 . ']}');
my $zbomb = zstd(['{"c": ['], map { [ ' ', 131_072 ] } 1 .. 10_000);
cmp_ok(length $bomb, '<', 120_000, '100 MB in 100 kB of gzip');
cmp_ok(length $zbomb, '<', 50_000, '1.3 GB in 40 kB of zstd');
for (1 .. 5)
{
	refused(post('', 'gzip', $bomb), 413, 'RequestTooLargeError',
		qr/decodes to more than 10000000 bytes/, 'a bomb of gzip');
	refused(post('', 'zstd', $zbomb), 413, 'RequestTooLargeError',
		qr/decodes to more than 10000000 bytes/, 'a bomb of zstd');
}
refused(post('/c', 'gzip', gz('{"a":"' . ' ' x 900_000 . '"}')), 413,
	'RequestTooLargeError', qr/decodes to more than 900000 bytes/,
	'an event over the limit of a plain one');
cmp_ok(peak_kb(), '<', 65_536, 'all in less than 64 MB of memory');

is(post('/last', 'gzip', $gz)->{status}, 201, 'after all that');
$tally->wait_until('the last one', sub { $tally->psql(
	"SELECT count(*) FROM tally_store.collection WHERE name = 'last'") });
is($tally->psql("SELECT count(*) FROM tally_store.collection"
		. " WHERE name IN ('bad', 'c')"), '0', 'nothing refused was stored');

done_testing();
