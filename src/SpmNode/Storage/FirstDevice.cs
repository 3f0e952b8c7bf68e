using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace OvirtSpm.Node.Storage;

/// <summary>All metadata of a domain lie on its first device; the others' areas are ignored, as oVirt has it.</summary>
static class FirstDevice
{
    public static ValueTask<VolumeGroupRead> ReadGroupAsync(this ILun lun, MetadataVersion? notBelow = null) =>
        MetadataReader.ReadAsync([lun.Metadata], notBelow, othersElsewhere: true);

    public static ValueTask<OpenOutcome> OpenStoreAsync(this ILun lun, TimeProvider clock, string host) =>
        MetadataStore.OpenAsync([lun.Metadata], clock, host, othersElsewhere: true);
}
