using System.Collections.Immutable;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>One part of a host's map: what it says, or why it is not believed.</summary>
/// <param name="Sector">Null unless <paramref name="Error"/> is None.</param>
public sealed record MapPart(ActivationSector? Sector, RecordError Error);

/// <summary>The activation map of one host id.</summary>
public sealed class HostActivations
{
    private readonly SpmLayout _layout;
    private readonly Guid _pool;
    private readonly ImmutableArray<MapPart> _parts;

    private HostActivations(SpmLayout layout, Guid pool, int host, ImmutableArray<MapPart> parts)
    {
        (_layout, _pool, Host, _parts) = (layout, pool, host, parts);
    }

    public int Host { get; }

    public IReadOnlyList<MapPart> Parts => _parts;

    /// <summary>Every part is believed.</summary>
    public bool IsReadable => _parts.All(part => part.Sector is not null);

    /// <summary>Every part is believed and nothing is active.</summary>
    public bool IsIdle => _parts.All(part => part.Sector is { IsIdle: true });

    /// <param name="sectors">The host's sectors, one after the other; a sector that could not be read from the storage as zeros.</param>
    public static HostActivations Read(SpmLayout layout, Guid pool, int host, ReadOnlySpan<byte> sectors)
    {
        var parts = ImmutableArray.CreateBuilder<MapPart>(layout.MapParts);
        for (var part = 0; part < layout.MapParts; part++)
        {
            var error = ActivationSector.TryParse(sectors.Slice(part * layout.SectorSize, layout.SectorSize), pool, host, part, out var sector);
            parts.Add(new MapPart(sector, error));
        }

        return new(layout, pool, host, parts.MoveToImmutable());
    }

    /// <summary>Where to read this host's sectors, and how many bytes.</summary>
    public static Region Place(SpmLayout layout, int host) => new(layout.MapOffsetBytes(host, 0), layout.MapParts * layout.SectorSize);

    /// <summary>R11: a part that is not believed makes all of its slots <see cref="SlotUse.Unreadable"/>.</summary>
    public SlotUse UseOf(int slot)
    {
        if (!SlotGeometry.IsSlot(slot))
        {
            throw new ArgumentOutOfRangeException(nameof(slot), slot, $"slots are {SlotGeometry.FirstSlot} to {SlotGeometry.LastSlot}");
        }

        return _parts[PartOf(slot)].Sector is { } sector ? (SlotUse)sector.ModeOf(slot) : SlotUse.Unreadable;
    }

    /// <summary>R11: the slot is marked active, by this machine in this boot. A part that is not believed may say so, too.</summary>
    public bool IsOwn(int slot, MapOwner self) =>
        UseOf(slot) is not SlotUse.Inactive && (_parts[PartOf(slot)].Sector is not { } sector || sector.Owner == self);

    /// <summary>What is active according to the parts that are believed, ascending.</summary>
    public IEnumerable<(int Slot, ActivationMode Mode)> Active() => _parts.SelectMany(part => part.Sector?.Active() ?? []);

    /// <summary>R11: owners other than the given one that have entries here. With any, the host id is not adopted.</summary>
    public IEnumerable<MapOwner> ForeignOwners(MapOwner self) =>
        _parts.Where(part => part.Sector is { IsIdle: false }).Select(part => part.Sector!.Owner).Where(owner => owner != self).Distinct();

    /// <summary>The one sector to write so that the map says <paramref name="mode"/> of the slot. Pure: nothing changes here.</summary>
    /// <param name="self">This machine and boot.</param>
    /// <param name="generation">Of our host id's lease.</param>
    public MapChange Set(int slot, ActivationMode mode, MapOwner self, ulong generation)
    {
        var use = UseOf(slot);
        var part = _parts[PartOf(slot)];
        if (part.Sector is not { } sector)
        {
            return new MapChange.Unreadable(part.Error);
        }

        // R11: entries belong to (machine, boot). A cloned or renamed machine that took over this host id must not clear them by writing its own.
        if (!sector.IsIdle && sector.Owner != self)
        {
            return new MapChange.HeldByOther(sector.Owner);
        }

        return use == (SlotUse)mode ? new MapChange.Unchanged() : Replace(sector.With(slot, mode, self, generation));
    }

    /// <summary>The sector to write so that the part names no volume any more.</summary>
    /// <remarks>
    /// R11: only for the machine itself, once it has checked that none of these volumes has a table (at once after a reboot), for
    /// <c>spm host confirm-dead</c>, or after proven fencing. This value cannot know; the caller does. An unreadable part is made anew.
    /// </remarks>
    public MapChange.Write Clear(int part, MapOwner self, ulong generation)
    {
        var sector = _parts[part].Sector ?? ActivationSector.Unused(_layout.SectorSize, _pool, Host, part);
        return Replace(sector.Cleared(self, generation));
    }

    private MapChange.Write Replace(ActivationSector sector)
    {
        var bytes = new byte[_layout.SectorSize];
        sector.Format(bytes);
        var next = new HostActivations(_layout, _pool, Host, _parts.SetItem(sector.Part, new MapPart(sector, RecordError.None)));
        return new MapChange.Write(new SectorWrite(_layout.MapOffsetBytes(Host, sector.Part), bytes), next);
    }

    private int PartOf(int slot) => ActivationSector.PartOf(slot, _layout.SectorSize);
}
