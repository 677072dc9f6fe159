# What tally-read answers to whom: every wrong request gets its status and a
# JSON error that says what is wrong; a right one gets the database's bytes.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Socket::INET;
use Standin;
use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'requests');
my $p = Standin::start($tally);
my $other = Standin::project($tally, 'aaaaaaaaaaaaaaaaaaaaaaaa');
$tally->start_read(key_refresh_ms => 200);
$tally->start_nginx;

my $base = "/3.0/projects/$p->{project}/queries";

# is_error(response, status, code, like, title)
sub is_error
{
	my ($r, $status, $code, $like, $title) = @_;
	subtest $title => sub {
		is($r->{status}, $status, 'status');
		is($r->{headers}{'content-type'}, 'application/json', 'type');
		is(ref $r->{json}, 'HASH', 'a JSON object') or return;
		is($r->{json}{error_code}, $code, 'error_code');
		like($r->{json}{message}, $like, 'message');
		is($r->{headers}{'access-control-allow-origin'}, '*', 'CORS');
		unlike($r->{content}, qr/SELECT|tally\.|\.c:|<html/, 'tells no more');
	};
	return;
}

# Without keys nothing is let through, and nothing is a 401 that is not one.
$tally->wait_until('the keys',
	sub { $tally->http('GET', $base, key => $p->{read_key})->{status} != 503 });

#-----------------------------------------------------------------------------
# Who may ask
#-----------------------------------------------------------------------------

my $q = { event_collection => 'c', timeframe => 'this_day' };

is($tally->query($p, 'echo', $q)->{status}, 200, 'a read key may query');
is($tally->query($p, 'echo', $q, key => $p->{master_key})->{status}, 200,
	'a master key may query');
is($tally->http('GET', "$base/echo?api_key=$p->{read_key}")->{status}, 200,
	'the key may stand in api_key');
is( $tally->http('GET', "$base/echo?api_key=wrong", key => $p->{read_key})
		->{status},
	200,
	'the header wins over api_key');

is_error($tally->query($p, 'echo', $q, key => undef),
	401, 'InvalidApiKeyError', qr/key is needed/, 'no key');
is_error($tally->query($p, 'echo', $q, key => 'F' x 64),
	401, 'InvalidApiKeyError', qr/not known/, 'an unknown key');
is_error($tally->query($p, 'echo', $q, key => lc $p->{read_key}),
	401, 'InvalidApiKeyError', qr/not known/, 'a key in lower case');
is_error($tally->query($p, 'echo', $q, key => $p->{write_key}),
	401, 'InvalidApiKeyError', qr/a read key or the master key/,
	'a write key does not read');
is_error($tally->query($p, 'echo', $q, key => $other->{read_key}),
	401, 'InvalidApiKeyError', qr/another project/,
	'a key of another project');
is_error($tally->query({ %$p, project => 'b' x 24 }, 'echo', $q),
	404, 'ResourceNotFoundError', qr/no project/, 'an unknown project');
is_error($tally->query({ %$p, project => "$p->{project}0" }, 'echo', $q),
	404, 'ResourceNotFoundError', qr/no project/, 'a project id too long');
is_error($tally->query({ %$p, project => 'x%20y' }, 'echo', $q),
	404, 'ResourceNotFoundError', qr/no project/, 'a project id that is none');

my $late = Standin::add_key($tally, $p->{project}, 'read');
$tally->wait_until('the new key',
	sub { $tally->query($p, 'echo', $q, key => $late)->{status} == 200 }, 5);
pass('a new key is known after a refresh');
$tally->psql("DELETE FROM tally.key WHERE key_hash = sha256('$late')");
$tally->wait_until('its end',
	sub { $tally->query($p, 'echo', $q, key => $late)->{status} == 401 }, 5);
pass('a revoked key is refused after a refresh');

#-----------------------------------------------------------------------------
# What may be asked
#-----------------------------------------------------------------------------

is_error($tally->http('PUT', "$base/count", key => $p->{read_key}, body => ''),
	405, 'MethodNotAllowedError', qr/GET, HEAD, POST, OPTIONS/,
	'a method nobody knows here');
is($tally->http('DELETE', "$base/count", key => $p->{read_key})
	->{headers}{allow}, 'GET, HEAD, POST, OPTIONS', '405 has Allow');
is_error($tally->http('GET', "/3.0/projects/$p->{project}/nothing",
		key => $p->{read_key}),
	404, 'ResourceNotFoundError', qr/nothing at this URL/, 'no such route');
is_error($tally->http('GET', '/3.0/projects//queries/count',
		key => $p->{read_key}),
	404, 'ResourceNotFoundError', qr/nothing at this URL/, 'an empty segment');
is_error($tally->http('GET', "$base/echo?a=%zz", key => $p->{read_key}),
	400, 'BadRequestError', qr/URL cannot be read/, 'broken %-encoding');
is_error($tally->http('GET', "$base/echo?a=%00", key => $p->{read_key}),
	400, 'BadRequestError', qr/URL cannot be read/, 'a NUL in a parameter');

sub post { return $tally->http('POST', "$base/echo", key => $p->{read_key}, @_) }

is_error(post(body => '{"a": '), 400, 'InvalidJSONError',
	qr/body .*byte 7: /, 'a body that ends in the middle');
is_error(post(body => ''), 400, 'InvalidJSONError', qr/body/, 'no body');
is_error(post(body => '[1]'), 400, 'InvalidJSONError',
	qr/must be a JSON object/, 'a list');
is_error(post(body => '{"a": NaN}'), 400, 'InvalidJSONError', qr/byte 7/,
	'NaN is no JSON');
is_error(post(body => '{"a": "\u0000"}'), 400, 'InvalidJSONError', qr/byte/,
	'\u0000');
is_error(post(body => "{\"a\": 1}\0"), 400, 'InvalidJSONError', qr/byte 9/,
	'a NUL behind the body');
is_error(post(body => '{"a": "\ud800"}'), 400, 'InvalidJSONError', qr/byte/,
	'half a surrogate pair');
is_error(post(body => "{\"a\": \"\xff\"}"), 400, 'InvalidJSONError', qr/byte/,
	'bytes that are not UTF-8');
is_error(post(body => '{"a": 1e131072}'), 400, 'InvalidJSONError', qr/byte/,
	'a number that no numeric holds');
is_error(post(body => '{"a":' . '[' x 64 . ']' x 64 . '}'), 400,
	'InvalidJSONError', qr/deep/, 'too deep');
is_error(post(body => '{"a": "' . 'x' x 262_140 . '"}'), 413,
	'RequestTooLargeError', qr/262144/, 'a body over the limit');
is_error($tally->http('GET', "$base/echo?filters=[%22\\u0000%22]",
		key => $p->{read_key}),
	400, 'InvalidJSONError', qr/parameter "filters"/,
	'a parameter that is JSON jsonb does not take');

# What the database refuses has its own status each.
for my $case (
	[ '22023', 400, 'InvalidParameterError' ],
	[ 'TL001', 400, 'TimeframeDefinitionError' ],
	[ 'TL002', 400, 'MissingRequiredRequestFieldError' ],
	[ 'TL003', 404, 'ResourceNotFoundError' ],
	[ 'TL004', 400, 'InvalidCollectionNameError' ],
	[ 'TL005', 400, 'InvalidPropertyNameError' ],
	[ '54000', 400, 'QueryTooLargeError' ],
	[ '57014', 504, 'QueryTimeoutError' ],
	[ '53300', 503, 'ServiceUnavailableError' ],
	[ 'XX000', 500, 'InternalServerError' ],
	[ '42P01', 500, 'InternalServerError' ])
{
	my ($sqlstate, $status, $code) = @$case;
	my $r = $tally->query($p, 'error', {
		sqlstate => $sqlstate, message => 'no "such" thing',
		detail => 'It has 3.', hint => 'Ask for 2.' });
	my $like = $code =~ /Timeout|Unavailable|Internal/ ? qr/\.$/
		: qr/^No "such" thing\. It has 3\. Ask for 2\.$/;
	is_error($r, $status, $code, $like, "SQLSTATE $sqlstate");
	unlike($r->{content}, qr/such/, "$sqlstate: its words are not passed on")
		if $code =~ /Timeout|Unavailable|Internal/;
	like($r->{headers}{'retry-after'}, qr/^[1-9]\d*$/, '503 has Retry-After')
		if $status == 503;
}

#-----------------------------------------------------------------------------
# What goes to the database and what comes back
#-----------------------------------------------------------------------------

my $odd = { 'ünï' => "\x{1F600}\n\"", list => [1, 2.5, undef], o => {} };
my $r = $tally->query($p, 'echo', $odd);
is_deeply($r->{json}{request}, $odd, 'a body arrives as it was sent');
is($r->{json}{project}, $p->{project}, 'with the project of the key');
is($r->{json}{read_only}, 'on', 'in a transaction that only reads');
is($r->{json}{timeout}, 10_000, 'with its timeout');
is($r->{headers}{'content-length'}, length $r->{content}, 'and its length');

$r = $tally->http('GET', "$base/echo?event_collection=a%2Fb+c&limit=10"
		. '&filters=%5B%7B%22property_value%22%3A%22x%22%7D%5D&&zone=%22UTC%22'
		. '&odd=%5Bx&pretty=true&jsonp=f&analysis_type=echo',
	key => $p->{read_key});
is_deeply(
	$r->{json}{request},
	{   event_collection => 'a/b c', limit => '10',
		filters => [ { property_value => 'x' } ], zone => 'UTC',
		odd => '[x', analysis_type => 'echo' },
	"a GET's parameters: JSON where they are JSON, else strings");
ok($r->{json}{pretty}, 'pretty=true reaches the database');
ok(!$tally->query($p, 'echo', {})->{json}{pretty}, 'and is off else');

$r = $tally->http('GET', "$base/echo?" . join('&', map { "p$_=1" } 1 .. 200),
	key => $p->{read_key});
is($r->{status}, 400, 'too many parameters');

$r = $tally->query($p, 'big', { pieces => 20_000 });
is($r->{status}, 200, 'an answer of 20 MB');
is(length $r->{content}, 20_000_000, 'arrives whole');
$r = $tally->query($p, 'big', { pieces => 32 });
is($r->{headers}{'content-length'}, 32_000, 'a short one is not streamed');

$r = $tally->http('HEAD', "$base/echo", key => $p->{read_key});
is($r->{status}, 200, 'HEAD works as GET');
is($r->{content} // '', '', 'without a body');

$r = $tally->http('GET', $base, key => $p->{read_key});
is($r->{json}{count_url}, "$base/count", 'the links to the analyses');

# A browser's question.
$r = $tally->http('OPTIONS', "$base/count");
is($r->{status}, 204, 'OPTIONS');
like($r->{headers}{'access-control-allow-headers'}, qr/Authorization/,
	'allows the key');

# Errors inside of an answer: before the first bytes are out it is an error
# like any other; after that the client must see that something is missing.
$r = $tally->query($p, 'half', { pieces => 10 });
is($r->{status}, 400, 'a failure in the first pieces is an error');
$r = $tally->http_raw("POST $base/half HTTP/1.1\r\nHost: x\r\n"
		. "Authorization: $p->{read_key}\r\nConnection: close\r\n"
		. "Content-Length: 16\r\n\r\n{\"pieces\": 2000}");
like($r, qr{^HTTP/1\.1 200}, 'a failure after many pieces came too late');
unlike($r, qr/\r\n0\r\n\r\n$/, 'so the answer has no end');
like($tally->log_text('read'), qr/event=answer_broken_off.*message="half way"/,
	'and the log says why');

# Health does not need keys.
is($tally->http('GET', '/health/query/live')->{json}{status}, 'pass', 'live');
is($tally->http('GET', '/health/query/ready')->{json}{status}, 'pass',
	'ready');

unlike($tally->log_text('read'), qr/$p->{read_key}|event_collection/,
	'the log holds no key and nothing that was asked');

# The program is killed while it sends: that answer has no end either.
my $asks = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}")
	or die $!;
print $asks "GET $base/big?pieces=5000&pause=0.1 HTTP/1.1\r\nHost: x\r\n"
	. "Authorization: $p->{read_key}\r\nConnection: close\r\n\r\n";
$asks->flush;
sysread $asks, $r, 65536;
$tally->kill_process('read');
while (sysread $asks, $r, 65536, length $r) { }
like($r, qr{^HTTP/1\.1 200}, 'killed while it sends');
cmp_ok(length $r, '<', 5_000_000, 'the answer is not whole');
unlike($r, qr/\r\n0\r\n\r\n$/, 'and does not look so');

done_testing();
