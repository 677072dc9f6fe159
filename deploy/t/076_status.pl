# The status page: what it says when all is well and when a part is away, that it
# is served while everything behind nginx is dead, and that it never goes on saying
# "well" when nobody looks any more; in a real browser, too.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Copy qw(copy);
use IPC::Run ();
use JSON::PP ();
use POSIX qw(strftime);
use Sys::Hostname qw(hostname);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'status');
$tally->start_postgres;
my $p = $tally->create_project('secret-shop');
my %writer = (key_refresh_ms => 200, spool_file_mb => 1, spool_reserve_mb => 0,
	key_file => $tally->dir . '/run/keys-write');
my %reader = (key_refresh_ms => 200, key_file => $tally->dir . '/run/keys-read');
$tally->start_write(%writer);
$tally->start_read(%reader);
$tally->start_nginx(edit => sub {
	s{server_name _;}{server_name _; access_log log/access.log tally;} });

my $dir = $tally->dir;
my $api = "$dir/status/www/api/v2";
my $metrics = "$dir/status/tally_status.prom";
my @all = qw(summary status incidents);
my $json = JSON::PP->new->utf8->canonical;
copy("$TallyTest::ROOT/deploy/www/status.pl", "$dir/bin/status.pl") or die $!;
chmod 0755, "$dir/bin/status.pl";

# as_user(seconds, command...) -- (exit status, output, errors)
sub as_user
{
	my ($seconds, @command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err,
		init => sub { $tally->become_user; chdir $dir },
		IPC::Run::timeout($seconds));
	return ($? >> 8, $out, $err);
}

# look(%environment) -- one run of status.pl: (exit status, what it said)
sub look
{
	my %env = (TALLY_URL => $tally->url, @_);
	local @ENV{keys %env} = values %env;
	my ($status, $out, $err) = as_user(60, "$dir/bin/status.pl",
		"$dir/status/www", $metrics);
	return ($status, $out . $err);
}

sub slurp
{
	open my $fh, '<:raw', $_[0] or return '';
	local $/;
	return scalar <$fh>;
}

sub spew
{
	my ($file, $text) = @_;
	open my $fh, '>:raw', $file or die "$file: $!";
	print $fh $text;
	close $fh;
}

# change(name, code) -- a file as if it had been written so: $_ is its content.
sub change
{
	my ($name, $code) = @_;
	local $_ = $json->decode(slurp("$api/$name.json"));
	$code->();
	spew("$api/$name.json", $json->encode($_));
	return;
}

sub ago { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time - $_[0]) }
sub summary { return $tally->http('GET', '/api/v2/summary.json')->{json} }
sub component { my ($s, $id) = @_; return (grep { $_->{id} eq $id }
		@{ $s->{components} })[0] }

# says(title, want, %environment) -- a run, after which it says "indicator ingest
# queries freshness"; returns the summary and what was logged.
sub says
{
	my ($title, $want, %env) = @_;
	my ($status, $said) = look(%env);
	my $s = $json->decode(slurp("$api/summary.json"));
	is($status, 0, "$title: it ran") or diag($said);
	is(join(' ', $s->{status}{indicator},
			map { component($s, $_)->{status} } qw(ingest queries freshness)),
		$want, "$title: $want");
	return ($s, $said);
}

# browser(milliseconds of its time) -- the text of the page there, without markup
sub browser
{
	my ($ms) = @_;
	local $ENV{HOME} = "$dir/chromium";
	my ($status, $dom, $err) = as_user(60, 'chromium', '--headless', '--no-sandbox',
		'--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
		"--user-data-dir=$dir/chromium", "--virtual-time-budget=$ms", '--dump-dom',
		$tally->url . '/status');
	is($status, 0, 'a browser shows the page') or diag($err);
	for ($dom)
	{
		s{<(script|style|noscript)\b.*?</\1>}{}sg;
		s{<[^>]* hidden(?:="")?>.*?</section>}{}sg;
		s{</?time\b[^>]*>}{}g;
		s{<[^>]*>}{ }sg;
		s{\s+}{ }g;
	}
	return $dom;
}
mkdir "$dir/chromium" or die $!;
chown $tally->{uid}, $tally->{gid}, "$dir/chromium" if defined $tally->{uid};

sub all_ready
{
	$tally->wait_until('all to be ready', sub {
		!grep { my $r = $tally->http('GET', "/health/$_");
			$r->{status} != 200 || $r->{json}{status} ne 'pass' }
			'ready', 'query/ready' });
}
all_ready();

#-----------------------------------------------------------------------------
# Nothing was written yet
#-----------------------------------------------------------------------------

my $r = $tally->http('GET', '/api/v2/summary.json');
is($r->{status}, 404, 'before the first run there is no file');
is($r->{json}{error_code}, 'ResourceNotFoundError', '... said in JSON');
my $text = browser(3000);
like($text, qr/The state is unknown It could not be fetched/,
	'and the page knows nothing');
unlike($text, qr/operational/i, '... says nothing else');

#-----------------------------------------------------------------------------
# All is well
#-----------------------------------------------------------------------------

my $well = 'none operational operational operational';
my ($s, $said) = says('well', $well);
is(join(' ', map { "$_->{position} $_->{name}" } @{ $s->{components} }),
	'1 Events 2 Queries 3 Freshness', 'its components');
is_deeply([ @$s{qw(incidents scheduled_maintenances)} ], [ [], [] ],
	'no incidents');
is(join(' ', sort keys %{ $s->{page} }), 'id name time_zone updated_at url',
	'its page');
is($s->{page}{time_zone}, 'Etc/UTC', '... in UTC');
like($_, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a time') for
	$s->{page}{updated_at}, map { @$_{qw(created_at updated_at)} }
	@{ $s->{components} };
is(component($s, 'freshness')->{behind_seconds}, 0, 'no data is late');
is_deeply($json->decode(slurp("$api/status.json")),
	{ page => $s->{page}, status => $s->{status} },
	'status.json is its first two members');

for my $name (@all)
{
	my $path = "/api/v2/$name.json";
	$r = $tally->http('GET', $path);
	is($r->{status}, 200, "nginx serves $path");
	is($r->{content}, slurp("$api/$name.json"), '... as it is');
	is($r->{headers}{'content-type'}, 'application/json', '... as JSON');
	is($r->{headers}{'access-control-allow-origin'}, '*', '... to all pages');
	is($r->{headers}{'cache-control'}, 'max-age=10', '... kept for a moment only');
	is((stat "$api/$name.json")[2] & 07777, 0644, '... others may read it');
}
$r = $tally->http('HEAD', '/api/v2/summary.json');
is("$r->{status} $r->{headers}{'content-length'}",
	'200 ' . -s "$api/summary.json", 'HEAD');
is($tally->http('OPTIONS', '/api/v2/summary.json')
		->{headers}{'access-control-allow-methods'}, 'GET, HEAD, OPTIONS',
	'a browser that asks first');
is($tally->http('POST', '/api/v2/summary.json', body => '{}')->{json}{error_code},
	'MethodNotAllowedError', 'POST is refused in JSON');
is($tally->http('GET', "/api/v2/$_")->{status}, 404, "no /api/v2/$_")
	for '', 'components.json', 'summary.json.1', '..%2f..%2ftally_status.prom';
is($tally->http('GET', '/3.0/projects')->{headers}{'cache-control'}, 'no-store',
	'of nothing else nginx says how long to keep it');
$r = $tally->http('GET', '/status');
is("$r->{status} $r->{headers}{'content-type'}", '200 text/html; charset=utf-8',
	'the page');
unlike($r->{content}, qr{(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//}i,
	'... asks nobody else');
like($r->{content}, qr{<noscript>.*href="api/v2/summary\.json".*</noscript>}s,
	'... without JavaScript a link to the JSON');

my ($prom, $checked) = (slurp($metrics), '');
ok(eval { IPC::Run::run([ qw(promtool check metrics) ], '<', \$prom, '>&',
			\$checked) }, 'promtool takes its metric');
is($checked, '', 'and has nothing to say');
like($prom, qr/^tally_status_timestamp_seconds (\d+)$/m, 'when it last ran');
is(ago(time - ($prom =~ /seconds (\d+)$/m)[0]), $s->{page}{updated_at},
	'... as in the page');

sleep 1.1;
my ($again, $quiet) = says('once more', $well);
is($quiet, '', 'nothing is logged');
is_deeply($again->{components}, $s->{components},
	'nothing of the components changed');
cmp_ok($again->{page}{updated_at}, 'gt', $s->{page}{updated_at},
	'but it is newer');

# Two intervals of the browser's time, which need not be waited for.
spew("$dir/log/access.log", '');
$text = browser(65_000);
like($text, qr/Tally status All systems operational Last updated .* UTC/,
	'all is well, says the page');
like($text, qr/Events .*? Operational Queries .*? Operational Freshness .*? Operational/,
	'... and of each component');
unlike($text, qr/[Uu]nknown|Incidents/, '... and nothing else');
cmp_ok(scalar(() = slurp("$dir/log/access.log") =~ m{ /api/v2/summary\.json}g),
	'>=', 3, 'it asks again, every 30 s');

#-----------------------------------------------------------------------------
# A part is away
#-----------------------------------------------------------------------------

$tally->kill_process('read');
($s, $said) = says('no tally-read',
	'major operational major_outage operational');
like($said, qr/queries: major_outage, was operational \(HTTP 502\)/,
	'which is logged');
is_deeply($s->{incidents}, [], 'once is no incident');
my $since = component($s, 'queries')->{updated_at};
is(component($s, 'ingest')->{updated_at},
	component($again, 'ingest')->{updated_at}, 'of others nothing changed');
sleep 1.1;
($s) = says('still not', 'major operational major_outage operational');
my ($incident) = @{ $s->{incidents} };
is(scalar @{ $s->{incidents} }, 1, 'twice is one');
is($incident->{name}, 'Queries failing', '... which says what is the matter');
is("$incident->{status} $incident->{impact}", 'investigating major', '... how bad');
is($incident->{started_at}, $since, '... since when');
is_deeply([ map { $_->{id} } @{ $incident->{components} } ], ['queries'],
	'... and with what');
is_deeply([ map { $_->{body} } @{ $incident->{incident_updates} } ],
	['Queries are not answered.'], '... in a sentence');
sleep 1.1;
($again, $quiet) = says('still not, either',
	'major operational major_outage operational');
is_deeply($again->{incidents}, $s->{incidents}, 'it is the same incident');
is($quiet, '', 'logged once');

$tally->start_read(%reader);
all_ready();
($s) = says('it is back', $well);
is_deeply($s->{incidents}, [], 'the incident is over');
my ($over) = @{ $json->decode(slurp("$api/incidents.json"))->{incidents} };
is("$over->{id} $over->{status}", "$incident->{id} resolved", '... and kept');
is($over->{resolved_at}, $s->{page}{updated_at}, '... with its end');
is($over->{incident_updates}[0]{body}, 'Queries are answered.',
	'... and a last word');
is(component($s, 'queries')->{created_at}, component($again, 'queries')->{created_at},
	'the component is the same');

$tally->kill_process('write');
($s) = says('no tally-write', 'major major_outage operational degraded_performance');
is(component($s, 'freshness')->{behind_seconds}, undef,
	'nobody knows what is in its spool');
$tally->start_write(%writer);
all_ready();
says('it is back', $well);

# Events are taken, and not stored.
$tally->stop_postgres;
is($tally->http('POST', "/3.0/projects/$p->{project}/events/secret-things",
		key => $p->{write_key}, json => { n => 1 })->{status}, 201, 'an event');
$tally->wait_until('the warning', sub {
	my $r = $tally->http('GET', '/health/ready');
	($r->{json}{checks}{'database:delay'}[0]{observedValue} // 0) >= 1
		&& $tally->http('GET', '/health/query/ready')->{status} == 503 });
my $late = 'major operational partial_outage degraded_performance';
says('no database', $late);
($s) = says('still none', $late);
is($s->{incidents}[0]{name}, 'Queries failing, data late', 'the incident');
cmp_ok(component($s, 'freshness')->{behind_seconds}, '>=', 1,
	'how far data is behind');
isnt($s->{incidents}[0]{id}, $incident->{id}, 'it is another one');
$incident = $s->{incidents}[0];
change('summary', sub { component($_, 'queries')->{updated_at} = ago(301) });
($s) = says('no older answers after five minutes',
	'major operational major_outage degraded_performance');
is($s->{incidents}[0]{id}, $incident->{id}, 'the incident goes on');
is(join(' ', map { $_->{body} } @{ $s->{incidents}[0]{incident_updates} }),
	'Queries are not answered. '
		. $incident->{incident_updates}[0]{body}, '... with another update');
says('so it stays', 'major operational major_outage degraded_performance');

$text = browser(3000);
like($text, qr/Partial outage Last updated/, 'the page tells of it');
like($text, qr/Queries .*? Major outage Freshness .*?Stored data is \d+ seconds? behind\. Degraded performance/,
	'... of each component');
like($text, qr/Incidents Queries failing, data late Since .*? Queries are not answered\./,
	'... and of the incident');

# All that is behind nginx.
$tally->kill_process('read');
$tally->kill_process('write');
my $nothing = 'critical major_outage major_outage major_outage';
says('nothing but nginx', $nothing);
is(summary()->{status}{indicator}, 'critical', 'nginx serves it all the same');
is(summary()->{incidents}[0]{name}, 'Events refused, queries failing, data late',
	'... with the incident');
is(summary()->{incidents}[0]{impact}, 'critical', '... worse than it was');

# Not even nginx answers: it stands still, it is gone.
kill 'STOP', $tally->pids_of('nginx');
my $began = time;
says('nginx stands still', $nothing);
cmp_ok(time - $began, '<', 15, '... and is not waited for');
kill 'CONT', $tally->pids_of('nginx');
$tally->stop_nginx;
says('no nginx', $nothing);

$tally->start_nginx;
$tally->start_postgres;
$tally->start_write(%writer);
$tally->start_read(%reader);
$tally->wait_for_events(1);
all_ready();
($s) = says('all are back', $well);
is_deeply($s->{incidents}, [], 'the incident is over');
my $kept = $json->decode(slurp("$api/incidents.json"))->{incidents};
is(join(' ', map { $_->{status} } @$kept), 'resolved resolved', 'both are kept');
change('incidents', sub { $_->{incidents}[1]{resolved_at} = ago(14 * 86400 + 60) });
says('two weeks later', $well);
is_deeply([ map { $_->{id} } @{ $json->decode(slurp("$api/incidents.json"))
				->{incidents} } ], [ $incident->{id} ], 'the older one is not');

#-----------------------------------------------------------------------------
# Answers that are none
#-----------------------------------------------------------------------------

# answered(status, text) -- an environment in which curl gets this from everybody
sub answered
{
	my ($code, $answer) = @_;
	mkdir "$dir/curl";
	spew("$dir/curl/answer", "$answer\n$code");
	spew("$dir/curl/curl", "#!/bin/sh\ncat $dir/curl/answer\n");
	chmod 0755, "$dir/curl/curl";
	return (PATH => "$dir/curl:$ENV{PATH}");
}
sub health
{
	my ($status, $delay, $seconds) = @_;
	return $json->encode({ status => $status, checks => { 'database:delay' =>
				[ { status => $delay, observedValue => $seconds } ] } });
}
says('an empty answer', $nothing, answered(200, ''));
says('a page of somebody else', $nothing, answered(200, '<html>pass</html>'));
says('JSON of somebody else', $nothing, answered(200, '{"status":"ok"}'));
says('a list', $nothing, answered(200, '["pass"]'));
says('strange checks', 'major operational operational major_outage',
	answered(200, '{"status":"pass","checks":{"database:delay":[7]}}'));
says('five minutes late', 'major operational operational partial_outage',
	answered(200, health('warn', 'warn', 300)));
says('nearly', 'minor operational operational degraded_performance',
	answered(200, health('warn', 'warn', 299)));
says('dead letters, no more', $well, answered(200, health('warn', 'pass', 0)));
says('the spool is full', 'major major_outage partial_outage operational',
	answered(503, health('fail', 'pass', 0)));
says('all is well again', $well);

#-----------------------------------------------------------------------------
# Files
#-----------------------------------------------------------------------------

is(join(' ', sort map { s{.*/}{}r } glob "$api/{*,.??*}"),
	'incidents.json status.json summary.json', 'nothing else is left there');
my $told = join '', map { slurp("$api/$_.json") } @all;
unlike($told, qr/\Q$dir\E|$p->{project}|secret|127\.0\.0\.1|\.sock|SELECT|postgres/i,
	'nobody learns more of the inside than that');
unlike($told, qr/\Q@{[ hostname() ]}\E/, '... nor the name of the host');

for my $damage ('', '{"components":[{"id":"ingest","status":"operatio',
	'{"components":[{"id":"ingest","status":"fine"}]}', '{"components":7}', '[]')
{
	spew("$api/summary.json", $damage);
	($s, $said) = says("damaged, '$damage'", $well);
	like($said, qr{summary\.json is damaged}, '... which is logged');
	is(component($s, 'ingest')->{created_at}, component($s, 'ingest')->{updated_at},
		'... and it begins anew');
}
for my $damage ("\0\0", '{"incidents":[{"id":"i1","status":"resolved"}]}')
{
	spew("$api/incidents.json", $damage);
	($s, $said) = says('damaged incidents', $well);
	like($said, qr{incidents\.json is damaged}, '... which is logged');
}

# refused(title, like, %environment) -- it fails, and all is as it was.
sub refused
{
	my ($title, $like, %env) = @_;
	my $before = join "\n", map { slurp($_) } glob "$api/* $metrics";
	sleep 1.1;
	my ($status, $why) = look(%env);
	is($status, 1, "$title: it fails");
	like($why, $like, '... and says why');
	is(join("\n", map { slurp($_) } glob "$api/* $metrics"), $before,
		'... and leaves what is there');
}
chmod 0555, $api;
refused('a folder that cannot be written',
	qr{cannot write \S+/api/v2/incidents\.json: Permission denied});
chmod 0755, $api;
refused('no curl', qr/cannot run curl/, PATH => "$dir/bin");

change('summary', sub { $_->{page}{updated_at} = ago(185) });
$text = browser(3000);
like($text, qr/This page has not been updated since .*? UTC: its state is unknown That is 3 minutes ago/,
	'an old file is said to be old');
like($text, qr/Events .*? Unknown; was: Operational/, '... of each component');
unlike($text, qr/All systems operational/, '... and that all was well is not told');
change('summary', sub { $_->{page}{updated_at} = ago(150);
	component($_, 'ingest')->{description} = '<b id="x">&amp;</b>' });
$text = browser(3000);
like($text, qr/All systems operational/, 'before three minutes it is not old');
like($text, qr/&lt;b id="x"&gt;&amp;amp;&lt;/, 'text is text, whatever it holds');

# It was had once, and cannot be had again.
$tally->stop_nginx;
$tally->start_nginx(edit => sub {
	$_ = 'limit_req_zone $server_name zone=once:1m rate=1r/m;' . "\n$_";
	s{(location ~ \^/api/v2/.*\{)}{$1 limit_req zone=once;} or die });
says('all is well', $well);
$text = browser(100_000);
like($text, qr/not been updated since .*: its state is unknown .*It could not be fetched just now/,
	'what cannot be fetched is unknown, however new it was');

ok($tally->stop, 'all stops');
done_testing;
