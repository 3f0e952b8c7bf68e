using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>A checked request for a volume.</summary>
sealed record WantedVolume(Guid Uuid, Guid Image, VolumeFormat Format, long CapacityBytes, string? Alias, bool NoZero)
{
    /// <summary>The volume below; <see cref="Guid.Empty"/> for none.</summary>
    public Guid Parent { get; init; }

    /// <summary>Order of the snapshots of an image.</summary>
    public uint Sequence { get; init; }

    public string Name => Uuid.ToString();

    /// <summary>The most its LV may become.</summary>
    public long MaximumBytes(long extentBytes) =>
        Format == VolumeFormat.Cow ? CowSizes.MaximumBytes(CapacityBytes, extentBytes) : CowSizes.RawBytes(CapacityBytes, extentBytes);

    /// <exception cref="Refusal">What the request lacks; nothing of the domain was looked at.</exception>
    public static WantedVolume From(CreateVolumeRequest request, Guid domain, long extentBytes, IChoice choice)
    {
        if (!Guid.TryParse(request.Volume, out var uuid) || uuid == Guid.Empty)
        {
            throw Refusal.Invalid($"'{Shown(request.Volume)}' is not a uuid; the caller chooses one so that asking twice makes one volume.");
        }
        if (request.Image is not null && !Guid.TryParse(request.Image, out _))
        {
            throw Refusal.Invalid($"'{Shown(request.Image)}' is not the uuid of an image.");
        }
        if (request.VirtualSizeBytes <= 0 || request.VirtualSizeBytes > DomainLimits.LargestDiskBytes)
        {
            throw Refusal.Invalid(
                $"a virtual size of {request.VirtualSizeBytes} bytes is refused; 1 byte to {SizeText.Format(DomainLimits.LargestDiskBytes)} are possible.");
        }
        var format = request.Format switch
        {
            "cow" => VolumeFormat.Cow,
            "raw" => VolumeFormat.Raw,
            _ => throw Refusal.Invalid($"format '{Shown(request.Format)}' is unknown; 'cow' (thin qcow2) and 'raw' (preallocated) are possible."),
        };
        var wanted = new WantedVolume(
            uuid,
            request.Image is null ? RandomIdentity.Guid(choice) : Guid.Parse(request.Image),
            format,
            format == VolumeFormat.Cow ? CowSizes.RoundCapacity(request.VirtualSizeBytes) : CowSizes.RawBytes(request.VirtualSizeBytes, extentBytes),
            request.Alias,
            request.NoZero);
        if (wanted.Alias is { } alias)
        {
            // Told before an extent is given away for it.
            RefuseBadAlias(alias, wanted.Slot(domain, DateTimeOffset.MaxValue));
        }
        return wanted;
    }

    /// <summary>What its slot will say.</summary>
    public VolumeSlot Slot(Guid domain, DateTimeOffset now) => new()
    {
        CapacityBytes = CapacityBytes,
        CreatedUnixSeconds = now.ToUnixTimeSeconds(),
        Description = Alias is null ? "" : DiskAlias.Describe(Alias),
        Domain = domain,
        Image = Image,
        Parent = Parent,
        Sequence = Sequence,
        Format = Format,
        Allocation = Format == VolumeFormat.Cow ? VolumeAllocation.Sparse : VolumeAllocation.Preallocated,
    };

    /// <param name="slot">Where it would be written.</param>
    /// <exception cref="Refusal">It cannot be stored, or would not read back.</exception>
    public static void RefuseBadAlias(string alias, VolumeSlot slot)
    {
        if (string.IsNullOrWhiteSpace(alias) || alias != alias.Trim() || alias.Any(char.IsControl))
        {
            throw Refusal.Invalid($"alias '{Shown(alias)}' is refused: an alias is one line, not empty, and does not begin or end with a space. Choose another one, or none.");
        }
        if ((slot with { Description = DiskAlias.Describe(alias) }).Write(new byte[SlotGeometry.TextBytes]) is var error && error != SlotError.None)
        {
            throw Refusal.Invalid(
                $"alias '{Shown(alias)}' of {alias.Length} characters does not fit the volume's slot ({OvirtSpm.Volumes.Explanation.Of(error, "")}). Choose a shorter one.");
        }
        if (DiskAlias.Of(DiskAlias.Describe(alias)) != alias)
        {
            throw Refusal.Invalid($"alias '{Shown(alias)}' is not valid text. Choose another one.");
        }
    }

    static string Shown(string? text) =>
        new([.. (text ?? "").Take(60).Select(c => char.IsControl(c) ? '?' : c), .. text?.Length > 60 ? "…" : ""]);
}
