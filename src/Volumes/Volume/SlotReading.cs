using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Volume;

/// <summary>How a slot's text and our record beside it agree.</summary>
public enum SlotAgreement
{
    /// <summary>No record: written by oVirt alone. The text stands by itself.</summary>
    NoRecord,

    /// <summary>The record names exactly this text.</summary>
    Agrees,

    /// <summary>The record names this text as the one before: a change of ours was announced and did not happen.</summary>
    AgreesWithPrevious,

    /// <summary>The record names neither: oVirt wrote the text later, or the text is damaged.</summary>
    TextChangedElsewhere,

    /// <summary>The record was made for another slot: a write went astray.</summary>
    OtherSlot,

    /// <summary>The record was made in another domain.</summary>
    OtherDomain,

    /// <summary>There is something in the record's place that is not believed.</summary>
    DamagedRecord,
}

/// <summary>Everything a slot says: the text, and whether our record confirms it.</summary>
/// <param name="Number">The slot that was read.</param>
/// <param name="Slot">Null unless <paramref name="Error"/> is None.</param>
/// <param name="Error">Why the text is not believed.</param>
/// <param name="Key">The key the error is about.</param>
/// <param name="Agreement">What our record says of the text.</param>
/// <param name="Record">Our record; null when there is none or it is damaged.</param>
/// <param name="RecordError">Why our record is not believed.</param>
public sealed record SlotReading(
    int Number, VolumeSlot? Slot, SlotError Error, string Key, SlotAgreement Agreement, SlotRecord? Record, RecordError RecordError)
{
    /// <summary>How much of a slot is to be read and given to <see cref="Read"/>: text and record, whole sectors of any device.</summary>
    public const int SizeBytes = SlotGeometry.StrideBytes;

    /// <param name="number">Which slot the bytes were read from.</param>
    /// <param name="bytes">From the start of the slot; 512 bytes are enough for the text, 1024 for the record, a whole slot is fine.</param>
    /// <param name="domain">The domain that was read.</param>
    /// <param name="version">The domain's version: in version 4 another slot follows the text, not a record.</param>
    public static SlotReading Read(int number, ReadOnlySpan<byte> bytes, Guid domain, int version = DomainLimits.Version)
    {
        var error = SlotText.TryParse(bytes, out var slot, out var key, version);
        if (version != DomainLimits.Version || bytes.Length < SlotRecord.OffsetBytes + SlotRecord.SizeBytes)
        {
            return new(number, slot, error, key, SlotAgreement.NoRecord, null, RecordError.WrongLength);
        }

        var recordError = SlotRecord.TryParse(bytes[SlotRecord.OffsetBytes..], out var record);
        var agreement = recordError switch
        {
            RecordError.Empty => SlotAgreement.NoRecord,
            RecordError.None => Compare(record!, number, domain, bytes[..SlotGeometry.TextBytes]),
            _ => SlotAgreement.DamagedRecord,
        };
        return new(number, slot, error, key, agreement, record, recordError);
    }

    private static SlotAgreement Compare(SlotRecord record, int number, Guid domain, ReadOnlySpan<byte> text)
    {
        if (record.Domain != domain)
        {
            return SlotAgreement.OtherDomain;
        }

        if (record.Slot != number)
        {
            return SlotAgreement.OtherSlot;
        }

        var checksum = Crc32C.Of(text);
        return checksum == record.TextChecksum ? SlotAgreement.Agrees
            : checksum == record.PreviousTextChecksum ? SlotAgreement.AgreesWithPrevious
            : SlotAgreement.TextChangedElsewhere;
    }
}
