using System.CommandLine;
using Microsoft.Extensions.Configuration;

namespace OvirtSpm.Node.Cli;

/// <summary>Where a node's options come from: file, then environment <c>SPM__…</c>, then the command line; the last one counts.</summary>
static class NodeSettings
{
    const string DefaultFile = "/etc/spm/node.json";

    static readonly Option<string?> lun = new("--lun") { Description = "the shared LUN" };
    static readonly Option<string[]> devices = CommonOptions.Devices("the domain's other devices, and those that may be added to it");
    static readonly Option<int?> hostId = new("--host-id") { Description = "1 to 239, unique in the pool" };
    static readonly Option<string?> name = new("--name") { Description = "unique in the pool; the machine's name unless given" };
    static readonly Option<string?> listen = new("--listen") { Description = "ADDRESS:PORT of the API; port 0 lets the kernel choose" };
    static readonly Option<bool?> insecureListen = new("--insecure-listen") { Description = "listen beyond loopback although there is no authentication yet" };
    static readonly Option<string?> advertise = new("--advertise") { Description = "the URL other hosts are told" };
    static readonly Option<string?> state = new("--state") { Description = "directory for what must survive the process" };
    static readonly Option<int?> sectorSize = new("--sector-size") { Description = "for a file: 512 or 4096" };
    static readonly Option<string?> activation = new("--activation") { Description = "nbd (this node serves volumes on sockets) or dm (the kernel maps them, as LVM does)" };
    static readonly Option<bool?> tail = new("--tail") { Description = "with dm: writes behind the end of a volume wait for space, too, instead of pausing the guest" };
    static readonly Option<string?> watchdog = new("--watchdog") { Description = "none (unsafe), wdmd, or a device such as /dev/watchdog" };
    static readonly Option<string?> sleep = new("--sleep") { Description = "logind (hand over before this machine sleeps) or none" };
    static readonly Option<double?> holdLimit = new("--hold-limit") { Description = "seconds a write behind the end of its volume waits for space" };

    public static IReadOnlyList<Option> Options => [lun, devices, hostId, name, listen, insecureListen, advertise, state, sectorSize, activation, tail, watchdog, sleep, holdLimit];

    public static NodeOptions Read(ParseResult parsed, string? file)
    {
        var builder = new ConfigurationBuilder();
        try
        {
            builder.AddJsonFile(Path.GetFullPath(file ?? DefaultFile), optional: file is null);
            builder.AddEnvironmentVariables("SPM__");
            builder.AddInMemoryCollection(Given(parsed));
            var options = new NodeOptions();
            builder.Build().Bind(options);
            return Checked(options);
        }
        catch (Exception bad) when (bad is InvalidDataException or FormatException or FileNotFoundException or InvalidOperationException)
        {
            throw Refusal.Invalid($"the configuration cannot be read: {bad.Message}");
        }
    }

    static Dictionary<string, string?> Given(ParseResult parsed)
    {
        var given = new Dictionary<string, string?>
        {
            [nameof(NodeOptions.Lun)] = parsed.GetValue(lun),
            [nameof(NodeOptions.HostId)] = parsed.GetValue(hostId)?.ToString(),
            [nameof(NodeOptions.Name)] = parsed.GetValue(name),
            [nameof(NodeOptions.Listen)] = parsed.GetValue(listen),
            [nameof(NodeOptions.InsecureListen)] = parsed.GetValue(insecureListen)?.ToString(),
            [nameof(NodeOptions.AdvertiseUrl)] = parsed.GetValue(advertise),
            [nameof(NodeOptions.State)] = parsed.GetValue(state),
            [nameof(NodeOptions.SectorSize)] = parsed.GetValue(sectorSize)?.ToString(),
            [nameof(NodeOptions.Activation)] = parsed.GetValue(activation),
            [nameof(NodeOptions.Tail)] = parsed.GetValue(tail)?.ToString(),
            [nameof(NodeOptions.Watchdog)] = parsed.GetValue(watchdog),
            [nameof(NodeOptions.Sleep)] = parsed.GetValue(sleep),
            [nameof(NodeOptions.HoldLimitSeconds)] = parsed.GetValue(holdLimit)?.ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        foreach (var (index, device) in (parsed.GetValue(devices) ?? []).Index())
        {
            given[$"{nameof(NodeOptions.Devices)}:{index}"] = device;
        }
        return given.Where(pair => pair.Value is not null).ToDictionary();
    }

    static NodeOptions Checked(NodeOptions options)
    {
        if (string.IsNullOrEmpty(options.Lun))
        {
            throw Refusal.Invalid("which LUN? Give --lun, SPM__LUN, or \"lun\" in the configuration.");
        }
        if (options.HostId is < 1 or > 239)
        {
            throw Refusal.Invalid($"host id {options.HostId} is refused: 1 to 239 are for nodes, 240 to 249 for offline verbs. Give --host-id.");
        }
        if (options.HoldLimitSeconds is not (>= 0 and <= 110))
        {
            throw Refusal.Invalid($"a hold limit of {options.HoldLimitSeconds} s is refused: a guest's kernel gives up after 120 s; 20 is usual.");
        }
        if (options.Activation is not ("nbd" or "dm"))
        {
            throw Refusal.Invalid($"'{options.Activation}' is no way to activate volumes: give --activation nbd or dm.");
        }
        if (options.Tail && options.Activation != "dm")
        {
            throw Refusal.Invalid("--tail is for volumes that the kernel maps: give --activation dm with it. With nbd writes behind the end always wait.");
        }
        if (options.Watchdog is not ("none" or "wdmd") && !Path.IsPathFullyQualified(options.Watchdog))
        {
            throw Refusal.Invalid($"'{options.Watchdog}' is no watchdog: give --watchdog none, wdmd, or the full path of a device such as /dev/watchdog.");
        }
        if (options.Sleep is not (null or "logind" or "none"))
        {
            throw Refusal.Invalid($"'{options.Sleep}' does not tell of sleep: give --sleep logind or none.");
        }
        if (!System.Net.IPEndPoint.TryParse(options.Listen, out var endpoint))
        {
            throw Refusal.Invalid($"'{options.Listen}' is not ADDRESS:PORT.");
        }
        if (!System.Net.IPAddress.IsLoopback(endpoint.Address) && !options.InsecureListen)
        {
            throw Refusal.Invalid($"{options.Listen} is reachable from other machines and there is no authentication yet. Say --insecure-listen if that network is trusted.");
        }
        if (options.AdvertiseUrl is { } told
            && !(Uri.TryCreate(told, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
        {
            throw Refusal.Invalid($"'{told}' is not an address other hosts can use: http://HOST:PORT is expected. Correct --advertise.");
        }
        if (options.AdvertiseUrl is null && (endpoint.Address.Equals(System.Net.IPAddress.Any) || endpoint.Address.Equals(System.Net.IPAddress.IPv6Any)))
        {
            throw Refusal.Invalid($"{options.Listen} is every address of this machine; say with --advertise which one other hosts use, e.g. http://NAME:{endpoint.Port}.");
        }
        // R30: part of the name under which the host id is held; the same directory must not have two names.
        options.State = Path.GetFullPath(options.State);
        options.Name = string.IsNullOrWhiteSpace(options.Name) ? Environment.MachineName : options.Name;
        return options;
    }
}
