/*
 * SubstreamIDs of the board's SMMUv3: tables of CDs, and the transactions that
 * choose one
 *
 * Section numbers are those of IHI 0070 G.b.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "board-smmuv3-hooks.h"
#include "system/address-spaces.h"
#include "system/dma.h"

#define STE_S1DSS(x) extract32((x)->word[2], 0, 2)

enum { S1DSS_TERMINATE, S1DSS_BYPASS, S1DSS_SSID0 };
enum { S1FMT_LINEAR, S1FMT_4K, S1FMT_64K };

#define L1CD_V          1ULL
#define L1CD_L2PTR_MASK MAKE_64BIT_MASK(12, 44)
#define CD_SHIFT        6
#define L1CD_SHIFT      3

static unsigned ssidsize(const SMMUv3State *s)
{
    return FIELD_EX32(s->idr[1], IDR1, SSIDSIZE);
}

/* log2 of the number of CDs; 0 where there are no substreams */
static unsigned cd_max(const SMMUv3State *s, const STE *ste)
{
    return ssidsize(s) ? STE_S1CDMAX(ste) : 0;
}

/* log2 of the number of CDs in a second level, 0 if there is none */
static unsigned leaf_bits(const STE *ste)
{
    switch (STE_S1FMT(ste)) {
    case S1FMT_4K:
        return 6;
    case S1FMT_64K:
        return 10;
    default:
        return 0;
    }
}

void board_smmuv3_reset(SMMUv3State *s)
{
    s->idr[0] = FIELD_DP32(s->idr[0], IDR0, CD2L,
                           s->x_ssidsize && !s->x_no_cd2l);
    s->idr[1] = FIELD_DP32(s->idr[1], IDR1, SSIDSIZE, s->x_ssidsize);
    /* Split-stage ATS (EATS = 0b10) is not there (6.3.1). */
    s->idr[0] = FIELD_DP32(s->idr[0], IDR0, NS1ATS,
                           s->x_ats && FIELD_EX32(s->idr[0], IDR0, S1P) &&
                           FIELD_EX32(s->idr[0], IDR0, S2P));
    if (s->x_configs) {
        g_hash_table_remove_all(s->x_configs);
    }
}

bool board_smmuv3_ste_legal(const SMMUv3State *s, const STE *ste)
{
    if (FIELD_EX32(s->idr[0], IDR0, ATS) && STE_EATS(ste) == 2) {
        return false;
    }
    if (!STE_CFG_S1_ENABLED(STE_CONFIG(ste)) || !ssidsize(s)) {
        return true;
    }
    if (STE_S1CDMAX(ste) > ssidsize(s)) {
        return false;
    }
    return !STE_S1CDMAX(ste) || !leaf_bits(ste) ||
           FIELD_EX32(s->idr[0], IDR0, CD2L);
}

/* Without a SubstreamID (5.2, S1DSS) */
static bool default_substream(SMMUTransCfg *cfg, const STE *ste,
                              SMMUEventInfo *event)
{
    switch (STE_S1DSS(ste)) {
    case S1DSS_SSID0:
        return true;
    case S1DSS_BYPASS:
        if (cfg->stage == SMMU_NESTED) {
            cfg->stage = SMMU_STAGE_2;
        } else {
            cfg->bypassed = true;
        }
        return false;
    default:
        event->type = SMMU_EVT_F_STREAM_DISABLED;
        return false;
    }
}

bool board_smmuv3_needs_cd(const SMMUv3State *s, SMMUTransCfg *cfg,
                           const STE *ste, SMMUEventInfo *event)
{
    uint32_t ssid = FIELD_EX32(event->x_txn, BOARD_TXN, SSID);
    unsigned max = cd_max(s, ste);

    if (FIELD_EX32(event->x_txn, BOARD_TXN, STE_ONLY)) {
        container_of(cfg, BoardConfig, cfg)->eats = STE_EATS(ste);
        return false;
    }
    if (cfg->aborted) {
        return false;
    }
    if (!FIELD_EX32(event->x_txn, BOARD_TXN, SSV)) {
        if (cfg->bypassed || cfg->stage == SMMU_STAGE_2) {
            return false;
        }
        return max ? default_substream(cfg, ste, event) : true;
    }
    if (cfg->bypassed || cfg->stage == SMMU_STAGE_2 || !max || ssid >> max) {
        event->type = SMMU_EVT_C_BAD_SUBSTREAMID;
        return false;
    }
    if (!ssid && STE_S1DSS(ste) == S1DSS_SSID0) {
        event->type = SMMU_EVT_F_STREAM_DISABLED;
        return false;
    }
    return true;
}

static int read_l1cd(SMMUv3State *s, SMMUTransCfg *cfg, SMMUEventInfo *event,
                     dma_addr_t addr, uint64_t *l1cd)
{
    if (cfg->stage == SMMU_NESTED) {
        SMMUTLBEntry *entry;

        if (board_smmuv3_walk(s, addr, cfg, event, IOMMU_RO, &entry,
                              SMMU_CLASS_CD) != SMMU_TRANS_SUCCESS) {
            return -EINVAL;
        }
        addr = CACHED_ENTRY_TO_ADDR(entry, addr);
    }
    if (ldq_le_dma(&address_space_memory, addr, l1cd,
                   MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        event->type = SMMU_EVT_F_CD_FETCH;
        event->u.f_cd_fetch.addr = addr;
        return -EINVAL;
    }
    return 0;
}

int board_smmuv3_cd_address(SMMUv3State *s, SMMUTransCfg *cfg, const STE *ste,
                            SMMUEventInfo *event, dma_addr_t *addr)
{
    uint32_t ssid = FIELD_EX32(event->x_txn, BOARD_TXN, SSID);
    unsigned max = cd_max(s, ste), leaf = leaf_bits(ste);
    unsigned oas = oas2bits(FIELD_EX32(s->idr[5], IDR5, OAS));
    dma_addr_t base = STE_CTXPTR(ste);
    unsigned shift;
    uint64_t l1cd;

    if (!max) {
        *addr = base;
        return 0;
    }
    if (!leaf) {
        *addr = (base & ~MAKE_64BIT_MASK(0, max + CD_SHIFT)) +
                ((dma_addr_t)ssid << CD_SHIFT);
        return 0;
    }
    /* The table is aligned to its size, or to 64 bytes. */
    shift = MAX(max > leaf ? max - leaf + L1CD_SHIFT : 0, CD_SHIFT);
    base = (base & ~MAKE_64BIT_MASK(0, shift)) +
           ((dma_addr_t)(ssid >> leaf) << L1CD_SHIFT);
    if (read_l1cd(s, cfg, event, base, &l1cd)) {
        return -EINVAL;
    }
    base = l1cd & L1CD_L2PTR_MASK & ~MAKE_64BIT_MASK(0, leaf + CD_SHIFT);
    if (!(l1cd & L1CD_V) || base >> oas) {
        event->type = SMMU_EVT_C_BAD_SUBSTREAMID;
        return -EINVAL;
    }
    *addr = base + (extract32(ssid, 0, leaf) << CD_SHIFT);
    return 0;
}

static guint config_hash(gconstpointer v)
{
    const BoardConfig *c = v;

    return g_direct_hash(c->sdev) ^ c->txn;
}

static gboolean config_equal(gconstpointer v, gconstpointer w)
{
    const BoardConfig *a = v, *b = w;

    return a->sdev == b->sdev && a->txn == b->txn;
}

SMMUTransCfg *board_smmuv3_config(SMMUDevice *sdev, SMMUEventInfo *event)
{
    SMMUv3State *s = sdev->smmu;
    BoardConfig key = { .sdev = sdev, .txn = event->x_txn & BOARD_TXN_CONFIG };
    BoardConfig *config;

    if (!s->x_configs) {
        s->x_configs = g_hash_table_new_full(config_hash, config_equal, g_free,
                                             NULL);
    }
    config = g_hash_table_lookup(s->x_configs, &key);
    if (config) {
        return &config->cfg;
    }
    config = g_memdup2(&key, sizeof(key));
    if (board_smmuv3_decode(sdev, &config->cfg, event)) {
        g_free(config);
        return NULL;
    }
    g_hash_table_add(s->x_configs, config);
    return &config->cfg;
}

typedef struct Forget {
    uint32_t first, last;   /* StreamIDs */
    bool one;               /* only this SubstreamID's */
    uint32_t ssid;
} Forget;

static gboolean is_forgotten(gpointer key, gpointer value, gpointer opaque)
{
    const BoardConfig *config = key;
    const Forget *f = opaque;
    uint32_t sid = smmu_get_sid(config->sdev);

    if (sid < f->first || sid > f->last) {
        return false;
    }
    if (!f->one) {
        return true;
    }
    /* That of no SubstreamID may be CD 0's, too. */
    return !FIELD_EX32(config->txn, BOARD_TXN, STE_ONLY) &&
           (!FIELD_EX32(config->txn, BOARD_TXN, SSV) ||
            FIELD_EX32(config->txn, BOARD_TXN, SSID) == f->ssid);
}

static void forget(SMMUv3State *s, Forget f)
{
    if (s->x_configs) {
        g_hash_table_foreach_remove(s->x_configs, is_forgotten, &f);
    }
}

SMMUCmdError board_smmuv3_command(SMMUv3State *s, const Cmd *cmd)
{
    uint32_t sid = CMD_SID(cmd);
    uint64_t span;

    switch (CMD_TYPE(cmd)) {
    case SMMU_CMD_CFGI_STE:
    case SMMU_CMD_CFGI_CD_ALL:
        forget(s, (Forget) { .first = sid, .last = sid });
        break;
    case SMMU_CMD_CFGI_STE_RANGE:
        span = 2ULL << CMD_STE_RANGE(cmd);
        sid &= ~(span - 1);
        forget(s, (Forget) { .first = sid, .last = sid + span - 1 });
        break;
    case SMMU_CMD_CFGI_CD:
        forget(s, (Forget) { .first = sid, .last = sid, .one = true,
                             .ssid = CMD_SSID(cmd) });
        break;
    case SMMU_CMD_ATC_INV:
        return board_smmuv3_atc_inv(s, cmd);
    default:
        break;
    }
    return SMMU_CERROR_NONE;
}

static void describe_ats_request(const SMMUEventInfo *info, Evt *evt)
{
    uint32_t txn = info->x_txn;

    /* One STU, and R always (7.3.6) */
    evt->word[2] = 1;
    evt->word[2] = deposit32(evt->word[2], 31, 1, 1);
    evt->word[2] = deposit32(evt->word[2], 30, 1,
                             !info->u.f_transl_forbidden.rnw);
    evt->word[2] = deposit32(evt->word[2], 29, 1,
                             FIELD_EX32(txn, BOARD_TXN, EXEC));
    evt->word[2] = deposit32(evt->word[2], 28, 1,
                             FIELD_EX32(txn, BOARD_TXN, PRIV));
    EVT_SET_ADDR(evt, (info->u.f_transl_forbidden.addr & ~0xfffULL));
}

void board_smmuv3_describe(const SMMUEventInfo *info, Evt *evt)
{
    uint32_t txn = info->x_txn;

    switch (info->type) {
    case SMMU_EVT_C_BAD_SUBSTREAMID:
        /* Has no SSV (7.3.9) */
        EVT_SET_SSID(evt, FIELD_EX32(txn, BOARD_TXN, SSID));
        return;
    case SMMU_EVT_F_BAD_ATS_TREQ:
        describe_ats_request(info, evt);
        break;
    case SMMU_EVT_F_CD_FETCH:
        /* FetchAddr is where that of F_STE_FETCH is (7.3.10). */
        EVT_SET_ADDR(evt, 0ULL);
        EVT_SET_ADDR2(evt, info->u.f_cd_fetch.addr);
        break;
    case SMMU_EVT_F_WALK_EABT:
    case SMMU_EVT_F_TRANSLATION:
    case SMMU_EVT_F_ADDR_SIZE:
    case SMMU_EVT_F_ACCESS:
    case SMMU_EVT_F_PERMISSION:
        EVT_SET_PNU(evt, FIELD_EX32(txn, BOARD_TXN, PRIV));
        EVT_SET_IND(evt, info->u.f_walk_eabt.rnw &&
                         FIELD_EX32(txn, BOARD_TXN, EXEC));
        break;
    default:
        break;
    }
    EVT_SET_SSV(evt, FIELD_EX32(txn, BOARD_TXN, SSV));
    EVT_SET_SSID(evt, FIELD_EX32(txn, BOARD_TXN, SSID));
}
